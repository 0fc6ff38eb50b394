"""Numbers beside the reference's, and whether they are close enough."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from audiosr_pipeline.tables import markdown_table

# Other processors and libraries sum in another order, so ten times the error that was measured once is allowed; and
# below this share of the largest value, errors are rounding whatever was measured.
MARGIN, ROUNDING = 10.0, 1e-5


@dataclass(frozen=True)
class Comparison:
    """One stage of the model.

    Args:
        stage: Its name.
        found: What it gave here.
        expected: What it gave in the reference, same shape.
        measured_error: Largest error when the components were chosen.
    """

    stage: str
    found: Tensor
    expected: Tensor
    measured_error: float

    @property
    def scale(self) -> float:
        """The reference's largest value."""
        return float(self.expected.abs().max())

    @property
    def error(self) -> float:
        """The largest difference; NaN if there is one in either."""
        assert self.found.shape == self.expected.shape, f"{self.stage}: {self.found.shape} beside {self.expected.shape}"
        return float((self.found - self.expected).abs().max())

    @property
    def bound(self) -> float:
        """The largest error that passes."""
        return max(MARGIN * self.measured_error, ROUNDING * self.scale)

    @property
    def passes(self) -> bool:
        """Whether the error is within the bound, and the reference finite."""
        return bool(np.isfinite(self.scale)) and self.error <= self.bound


def comparison_table(comparisons: Iterable[Comparison]) -> Iterator[str]:
    """The lines of a Markdown table."""
    rows = [
        (row.stage, f"{row.scale:.3g}", f"{row.error:.1e}", f"{row.bound:.1e}", "pass" if row.passes else "**FAIL**")
        for row in comparisons
    ]
    return markdown_table(("stage", "largest value in the reference", "largest error", "bound", ""), rows)
