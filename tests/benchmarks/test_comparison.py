"""When numbers pass for the reference's."""

import pytest
import torch

from benchmarks.comparison import Comparison, comparison_table

EXPECTED = torch.tensor([0.5, -4.0, 0.0])


@pytest.mark.parametrize(
    ("error", "measured_error", "passes"),
    [
        (0.0, 0.0, True),
        # A hundred-thousandth of the largest value, 4.
        (3.9e-5, 0.0, True),
        (4.1e-5, 0.0, False),
        (9.9e-4, 1e-4, True),
        (1.1e-3, 1e-4, False),
        (float("nan"), 1e-4, False),
    ],
)
def test_ten_times_the_measured_error_passes_or_rounding(error, measured_error, passes):
    # In double precision, so that the error is the one that is stated.
    found = EXPECTED.double() + torch.tensor([0.0, 0.0, error], dtype=torch.float64)
    comparison = Comparison("stage", found, EXPECTED.double(), measured_error)
    assert comparison.passes == passes
    *_, row = comparison_table([comparison])
    assert row.endswith("| pass |" if passes else "| **FAIL** |")


def test_a_reference_that_is_not_finite_fails():
    broken = torch.tensor([float("inf")])
    assert not Comparison("stage", broken, broken, 1.0).passes


def test_other_shapes_are_no_match():
    with pytest.raises(AssertionError, match="stage"):
        _ = Comparison("stage", EXPECTED[:1], EXPECTED, 1.0).passes
