"""What listeners hear of an item: level, peaks, lengths and ends of its versions."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.low_band import split_bands
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.metrics import loudness_lufs
from audiosr_pipeline.study.stimuli import (
    lowpassed_pair,
    make_stimuli,
    share_above_check,
    true_peak_dbtp,
)
from tests.signals import band_limited, level_db, noise


def with_highs(audio, amplitude=0.05):
    """`audio` and noise above 8 kHz."""
    highs = noise(audio.shape[-1] / 48_000, seed=1, amplitude=amplitude)
    return audio + highs - band_limited(highs, 8_000)


@pytest.fixture
def low():
    """One second of pink noise up to 7.5 kHz."""
    return band_limited(noise(tilt_db=-3), 7_500)


def test_new_highs_do_not_lower_what_both_have_in_common(low):
    stimuli = make_stimuli({"original": low, "audiosr": with_highs(low)}, 8_000)
    original, audiosr = (stimuli[system].audio for system in ("original", "audiosr"))
    # -90 dB: what the filter lets through of the highs, and float32.
    assert level_db(band_limited(audiosr - original, 7_500)) < level_db(original) - 80
    # The highs count: full-band loudness would have been matched by turning the whole version down.
    assert stimuli["audiosr"].loudness_lufs > stimuli["original"].loudness_lufs + 0.1
    assert abs(stimuli["audiosr"].match_db) < 0.01


def test_a_version_at_another_level_is_brought_to_the_first(low):
    stimuli = make_stimuli({"original": low, "half": 0.5 * with_highs(low)}, 8_000)
    assert stimuli["half"].match_db == pytest.approx(20 * np.log10(2), abs=0.01)
    assert stimuli["original"].match_db == 0
    difference = stimuli["half"].audio - stimuli["original"].audio
    assert level_db(band_limited(difference, 7_500)) < level_db(low) - 60


def test_a_new_band_alone_is_no_version():
    """Matched to the first by what the filters leave below its edge, it would get a gain of 130 dB."""
    first = noise(2.0, 48_000, 0, tilt_db=-3)
    low = split_bands(first, 7_000)
    with pytest.raises(ValueError, match=r"below 7000 Hz third and original differ by \d+ dB; up to 40 dB are matched"):
        make_stimuli({"original": low, "audiosr": first, "third": first - split_bands(first, 8_000)}, 7_000)


@pytest.mark.parametrize("amplitude", [0.01, 0.1, 3.0])
def test_the_original_comes_at_one_loudness(low, amplitude):
    stimuli = make_stimuli({"original": amplitude * low, "audiosr": amplitude * with_highs(low)}, 8_000)
    assert stimuli["original"].loudness_lufs == pytest.approx(-23, abs=0.01)
    for stimulus in stimuli.values():
        assert stimulus.gain_db == stimuli["original"].gain_db
        assert stimulus.loudness_lufs == pytest.approx(loudness_lufs(stimulus.audio), abs=0.01)
        assert stimulus.true_peak_dbtp == pytest.approx(true_peak_dbtp(stimulus.audio), abs=0.01)


def test_no_version_exceeds_the_highest_true_peak():
    # A click in quiet noise: at -23 LUFS its peak would lie far above full scale.
    audio = noise(amplitude=0.001)
    audio[0, 24_000] = 0.9
    stimuli = make_stimuli({"original": audio, "audiosr": audio + with_highs(0 * audio, 0.002)}, 8_000)
    assert max(true_peak_dbtp(stimulus.audio) for stimulus in stimuli.values()) == pytest.approx(-1, abs=0.01)
    assert stimuli["original"].loudness_lufs < -23.5


def test_the_true_peak_lies_between_samples():
    # At a quarter of the rate, 45 degrees off, samples are at 0.707 of a sine's peak.
    audio = np.sin(np.pi / 2 * np.arange(48_000) + np.pi / 4).astype(np.float32)[None]
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-3.01, abs=0.01)
    # The resampler rings where the sine begins at once.
    assert true_peak_dbtp(audio * np.hanning(48_000).astype(np.float32)) == pytest.approx(0, abs=0.05)


def test_versions_are_of_equal_length_with_equal_fades(low):
    stimuli = make_stimuli({"original": low, "audiosr": low[:, :-1_000]}, 8_000)
    original, audiosr = (stimulus.audio for stimulus in stimuli.values())
    assert original.shape == audiosr.shape == (1, 47_000)
    np.testing.assert_allclose(original, audiosr, atol=1e-6)
    # The first and last samples of a fade of 240.
    assert np.abs(original[:, [0, -1]]).max() < 0.01 * np.abs(original).max()


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({"original": noise(0.39)}, "original is 0.39 s long, too short"),
        ({"original": 0 * noise()}, "silent: original holds zeros alone"),
        ({"original": 1e-5 * noise()}, "silent: nothing above -70 LUFS in original"),
        ({"original": noise(), "x": 0 * noise()}, "silent: x holds zeros alone"),
        ({"original": noise().repeat(3, axis=0)}, "3 channels"),
        ({"original": noise(), "x": noise().repeat(2, axis=0)}, "x has 2 channels, original 1"),
        ({"original": noise(), "x": noise(1.2)}, "x and original differ in length by 0.20 s"),
    ],
)
def test_what_can_not_be_judged_is_told(versions, message):
    with pytest.raises(ValueError, match=message):
        make_stimuli(versions, 8_000)


def test_the_lowpassed_side_is_obvious_and_at_the_same_level_below():
    audio = noise()
    stimuli = lowpassed_pair(audio)
    original, low = (stimuli[name].audio for name in ("original", "lowpassed"))
    # White noise has 2 of 24 kHz below the cutoff.
    assert share_above_check(audio) == pytest.approx(22 / 24, abs=0.02)
    assert level_db(low - band_limited(low, 2_500)) < level_db(original) - 60
    assert level_db(band_limited(low, 1_500)) == pytest.approx(level_db(band_limited(original, 1_500)), abs=0.1)
    assert share_above_check(lowpass(audio, 1_000)) < 0.001
