"""What is generated rises and falls when what lies below it does."""

import numpy as np
import pytest

from audiosr_pipeline.dsp import temporal_envelope
from audiosr_pipeline.dsp.low_band import split_bands
from audiosr_pipeline.dsp.temporal_envelope import follow_envelope

EDGE = 8_000.0
ONSET = 24_000


def white(seed, num_samples=48_000):
    return np.random.default_rng(seed).standard_normal(num_samples).astype(np.float32)


def high(audio):
    return audio - split_bands(audio[None], EDGE)[0]


def level_db(audio):
    return 10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-20)


def stroke(start_s=0.0):
    """Noise that begins `start_s` after the onset, within a millisecond."""
    seconds = (np.arange(48_000) - ONSET) / 48_000 - start_s
    return np.clip(seconds / 0.001, 0, 1).astype(np.float32)


@pytest.mark.parametrize("level", [1.0, 1e-3])
def test_a_stroke_does_not_begin_before_it_does_below(level):
    own = level * stroke() * split_bands(white(0)[None], EDGE)[0]
    made = stroke(start_s=-0.015) * white(1)
    followed = made.copy()
    follow_envelope(followed, own, EDGE)
    # From 13 to 4 ms before; 0.7 of the 30 dB and more that the octave below is under its mean.
    before = slice(ONSET - 624, ONSET - 192)
    assert level_db(high(followed)[before]) < level_db(high(made)[before]) - 15
    after = slice(ONSET + 960, None)
    assert level_db(high(followed)[after]) == pytest.approx(level_db(high(made)[after]), abs=0.5)
    # Nothing of the gain lies below the band edge.
    low, low_before = (split_bands(audio[None], EDGE - 2_000) for audio in (followed, made))
    np.testing.assert_allclose(low, low_before, atol=0.02)


def test_steady_sound_stays_as_loud_as_it_was():
    made = white(1)
    followed = made.copy()
    follow_envelope(followed, white(0), EDGE)
    assert level_db(high(followed)) == pytest.approx(level_db(high(made)), abs=0.5)


@pytest.mark.parametrize("own", [np.zeros(48_000, np.float32), np.full(48_000, 1e-9, np.float32)])
def test_nothing_below_says_nothing(own):
    made = white(1)
    followed = made.copy()
    follow_envelope(followed, own, EDGE)
    assert np.isfinite(followed).all()
    assert level_db(high(followed)) == pytest.approx(level_db(high(made)), abs=0.5)


def test_long_clips_in_chunks_are_as_in_one(monkeypatch):
    made, own = white(1), stroke() * white(0)
    whole = made.copy()
    follow_envelope(whole, own, EDGE)
    monkeypatch.setattr(temporal_envelope, "CHUNK_BLOCKS", 7)
    parts = made.copy()
    follow_envelope(parts, own, EDGE)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@pytest.mark.parametrize(("num_samples", "edge"), [(1, EDGE), (200, EDGE), (48_000, 24_000.0)])
def test_very_short_and_full_band_sound_stays(num_samples, edge):
    made = white(1, num_samples)
    followed = made.copy()
    follow_envelope(followed, white(0, num_samples), edge)
    np.testing.assert_array_equal(followed, made)
