"""What models of hearing say, by way of stand-ins for their packages, and by the packages where they are installed."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.evaluate import evaluate
from audiosr_pipeline.metrics import perceptual, perceptual_scores
from tests.signals import noise


@pytest.fixture
def stand_ins(monkeypatch):
    """Packages that say the ratio of the powers, and what they were called with."""
    calls = []

    class VisqolApi:
        def create(self, mode: str) -> None:
            calls.append(mode)

        def measure_from_arrays(self, true, own, sampling_rate):
            calls.append(sampling_rate)
            return SimpleNamespace(moslqo=np.mean(own**2) / np.mean(true**2))

    def mos(true, own):
        assert true.dtype == own.dtype == np.float32
        return np.mean(own**2) / np.mean(true**2)

    monkeypatch.setitem(sys.modules, "visqol", SimpleNamespace(VisqolApi=VisqolApi))
    monkeypatch.setitem(sys.modules, "zimtohrli", SimpleNamespace(mos_from_signals=mos))
    perceptual._models.cache_clear()
    yield calls
    perceptual._models.cache_clear()


def test_each_score_is_the_mean_of_the_channels(stand_ins):
    true = np.concatenate([noise(1.0, 48_000, seed) for seed in (0, 1)])
    scores = perceptual_scores(true * [[1.0], [2.0]], true)
    assert scores == pytest.approx({"visqol_mos": 2.5, "zimtohrli_mos": 2.5}, abs=1e-5)
    assert stand_ins == ["audio", 48_000, 48_000]


@pytest.mark.parametrize("case", ["short", "silent truth", "silent estimate", "a silent channel"])
def test_what_the_models_do_not_know_has_no_score_and_is_not_shown_to_them(stand_ins, case):
    true, own = noise(1.0, 48_000, 0), noise(1.0, 48_000, 1)
    if case == "short":
        true, own = true[:, :-1], own[:, :-1]
    elif case == "silent truth":
        true = 0 * true
    elif case == "silent estimate":
        own = 0 * own
    else:
        true, own = np.concatenate([true, 0 * true]), np.concatenate([own, own])
    assert np.isnan(list(perceptual_scores(own, true).values())).all()
    assert len(stand_ins) == (2 if case == "a silent channel" else 1)


def test_another_rate_is_an_error():
    with pytest.raises(ValueError, match=r"sampling_rate=44100; both models are for 48000 Hz"):
        perceptual_scores(noise(1.0, 44_100, 0), noise(1.0, 44_100, 1), 44_100)


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "visqol", None)
    perceptual._models.cache_clear()
    with pytest.raises(ImportError, match=r"pip install '\.\[perceptual\]' in the folder"):
        perceptual_scores(noise(1.0, 48_000, 0), noise(1.0, 48_000, 1))


def test_folders_are_scored_if_asked(stand_ins, tmp_path):
    for folder, seed in (("truth", 0), ("made", 1)):
        (tmp_path / folder).mkdir()
        write_audio(tmp_path / folder / "a.wav", noise(1.0, 48_000, seed), 48_000, "FLOAT")
    folders = tmp_path / "truth", tmp_path / "made"
    assert "visqol_mos" not in evaluate(*folders).scores["a"]
    # By chance the powers of two such noises differ by some per cent.
    assert evaluate(*folders, perceptual=True).scores["a"]["visqol_mos"] == pytest.approx(1.0, abs=0.05)


def test_the_packages_themselves():
    for name in ("visqol", "zimtohrli"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install -e '.[perceptual]'")
    perceptual._models.cache_clear()
    true = noise(1.2, 48_000, 0)
    scores = perceptual_scores(true, true)
    assert scores["visqol_mos"] == pytest.approx(4.73, abs=0.01) and scores["zimtohrli_mos"] == pytest.approx(5.0)
    worse = perceptual_scores(noise(1.2, 48_000, 1), true)
    assert all(worse[name] < scores[name] - 0.5 for name in scores)
