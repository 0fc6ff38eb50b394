"""The comparison of set metrics: how it reaches other people's functions, and what it draws."""

import numpy as np
import pytest

from benchmarks.set_metrics import bias_rows, own_function, own_module


def test_functions_are_had_from_files_that_cannot_be_imported(tmp_path):
    path = tmp_path / "networks.py"
    path.write_text("import a_network_that_is_not_there\ndef doubled(x):\n    return np.multiply(2, x)\n")
    with pytest.raises(ImportError):
        own_module(path)
    assert own_function(path, "doubled", {"np": np})(3) == 6
    path.write_text("def doubled(x):\n    return 2 * x\n")
    assert own_module(path).doubled(3) == 6


def test_a_sample_is_nearer_to_the_truth_than_to_another_sample_and_both_fall_with_the_size(monkeypatch):
    monkeypatch.setattr("benchmarks.set_metrics.SIZES", (50, 200))
    monkeypatch.setattr("benchmarks.set_metrics.NUM_DRAWS", {4: 40})
    covariance = np.diag([4.0, 1.0, 1.0, 0.25])
    (_, one, two), (_, one_of_more, two_of_more) = bias_rows((np.ones(4), covariance), np.random.default_rng(0))
    # One over the number; 40 draws tell a mean to some 10 %.
    assert one / one_of_more == pytest.approx(4, rel=0.3) and two / two_of_more == pytest.approx(4, rel=0.3)
    assert two / one == pytest.approx(2, rel=0.3)
