"""Roll-off and band edge, on signals whose spectrum is known."""

from collections.abc import Callable

import librosa
import numpy as np
import pytest
from scipy import fft

from audiosr_pipeline.dsp.cutoff import find_bandwidth, find_cutoff
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.resample import resample
from tests.signals import band_limited, clicks, music_like, noise, speech_like, tone

FULL_BAND = {
    "white noise": noise(2.0),
    "pink noise": noise(2.0, tilt_db=-3),
    "brown noise": noise(2.0, tilt_db=-6),
    "speech-like": speech_like(),
    "music-like": music_like(),
    "clicks": clicks(2.0),
}
CUTOFFS = [2_000, 4_000, 8_000, 12_000, 16_000]


def round_to_16_bit(audio: np.ndarray) -> np.ndarray:
    return (np.round(audio * 32_768) / 32_768).astype(np.float32)


@pytest.mark.parametrize("sampling_rate", [48_000, 16_000])
@pytest.mark.parametrize("name", FULL_BAND)
def test_cutoff_is_the_99_percent_point_of_the_summed_magnitude(name, sampling_rate):
    """The definition, written once more with librosa's STFT; over both channels of a stereo clip."""
    audio = np.concatenate([FULL_BAND[name], 0.3 * band_limited(noise(2.0, seed=1), 3_000)])
    magnitudes = librosa.stft(audio.astype(np.float64), n_fft=2_048, hop_length=512, center=False)
    magnitude = np.abs(magnitudes).sum((0, 2))
    # DC and what the window spreads of it don't count.
    magnitude[:2] = 0
    share = np.cumsum(magnitude) / magnitude.sum()
    expected = librosa.fft_frequencies(sr=sampling_rate, n_fft=2_048)[np.flatnonzero(share >= 0.99)[0]]
    assert find_cutoff(audio, sampling_rate) == pytest.approx(expected)


def test_cutoff_of_white_noise_is_its_upper_end():
    # 99 % of a flat spectrum; one STFT bin is 23 Hz.
    assert find_cutoff(noise(2.0)) == pytest.approx(0.99 * 24_000, abs=24)
    assert find_cutoff(band_limited(noise(2.0), 8_000)) == pytest.approx(0.99 * 8_000, abs=24)


@pytest.mark.parametrize("find", [find_cutoff, find_bandwidth])
def test_silence_has_neither(find):
    assert find(np.zeros((2, 48_000), np.float32)) == 0


def test_dc_is_not_content():
    audio = noise(1.0, tilt_db=-6)
    # At most one STFT bin of 23 Hz may be between them.
    assert find_cutoff(audio + np.float32(0.5)) == pytest.approx(find_cutoff(audio), abs=24)
    assert find_bandwidth(audio + np.float32(0.5)) == find_bandwidth(audio)


def test_audio_below_the_rounding_noise_of_16_bit_has_a_band_edge():
    quiet = 1e-5 * band_limited(noise(), 8_000)
    assert find_bandwidth(quiet) == pytest.approx(8_000, abs=100)


@pytest.mark.parametrize("num_samples", [2, 100, 2_047, 2_048, 2_049])
def test_clips_shorter_than_a_frame_have_both(num_samples):
    audio = noise()[:, :num_samples]
    assert 0 < find_cutoff(audio) <= 24_000
    assert 0 < find_bandwidth(audio) <= 24_000


@pytest.mark.parametrize("name", FULL_BAND)
def test_full_band_is_seen_as_such(name):
    """Whatever its tilt; a roll-off can lie anywhere."""
    assert find_bandwidth(FULL_BAND[name]) > 23_500


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
@pytest.mark.parametrize("name", FULL_BAND)
def test_band_edge_of_a_chebyshev_lowpass(name, cutoff_freq):
    # The filter's skirt still holds something a little above its cutoff, natural spectra may fall before it.
    assert 0.85 < find_bandwidth(lowpass(FULL_BAND[name], cutoff_freq)) / cutoff_freq < 1.13


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
@pytest.mark.parametrize("name", FULL_BAND)
def test_band_edge_of_a_brick_wall(name, cutoff_freq):
    # At 2 kHz the speech-like signal's edge is taken to be its formant's flank at 1.64 kHz. The smoothing reaches
    # 75 Hz to either side.
    lowest = 0.8 if name == "speech-like" and cutoff_freq == 2_000 else 0.94
    edge = find_bandwidth(band_limited(FULL_BAND[name], cutoff_freq))
    assert lowest * cutoff_freq < edge < cutoff_freq + 100


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
def test_band_edge_of_flat_noise_is_exact_to_an_stft_bin(cutoff_freq):
    # Smoothed, a wall is 3 dB down where it stands.
    assert find_bandwidth(band_limited(FULL_BAND["white noise"], cutoff_freq)) == pytest.approx(cutoff_freq, abs=24)


@pytest.mark.parametrize("sampling_rate", [8_000, 16_000, 22_050, 24_000, 32_000])
@pytest.mark.parametrize("name", FULL_BAND)
def test_band_edge_of_low_rate_audio(name, sampling_rate):
    """Its Nyquist frequency less the transition of resampling, which begins at 0.91 of it."""
    low_rate = resample(FULL_BAND[name], 48_000, sampling_rate)
    edge = find_bandwidth(resample(round_to_16_bit(low_rate), sampling_rate, 48_000))
    assert 0.9 < edge / (sampling_rate / 2) < 1.01


@pytest.mark.parametrize("frequency", [440, 3_000, 15_000])
def test_band_edge_of_a_tone_is_the_tone(frequency):
    # Two STFT bins and the smoothing; below 1 kHz the window's side lobes, 450 Hz down to -90 dB, are no cliff.
    assert frequency - 125 < find_bandwidth(tone(frequency)) < max(frequency + 125, 1_000)


def test_band_edge_of_a_chord_is_its_top_partial():
    audio = sum(tone(frequency, amplitude=0.1) for frequency in np.arange(300, 5_101, 300))
    # The smoothing over 150 Hz reaches 75 Hz beyond the partial, the Hann window's main lobe two bins (47 Hz).
    assert find_bandwidth(audio) == pytest.approx(5_100, abs=125)


def shaped(level_db: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """White noise with a level in dB by frequency in Hz."""
    spectrum = fft.rfft(noise(2.0).astype(np.float64))
    gain = 10 ** (level_db(fft.rfftfreq(96_000, 1 / 48_000)) / 20)
    return fft.irfft(spectrum * gain, n=96_000).astype(np.float32)


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
@pytest.mark.parametrize("residue_db", [-65, -85])
def test_residue_is_not_content(cutoff_freq, residue_db):
    """What a codec or a resampler leaves behind its low-pass, up to the Nyquist frequency."""
    audio = shaped(lambda frequency: np.where(frequency < cutoff_freq, 0, residue_db))
    # One STFT bin.
    assert find_bandwidth(audio) == pytest.approx(cutoff_freq, abs=24)


def test_quiet_highs_are_content():
    """Behind a wall too, as long as they lie within 60 dB."""
    assert find_bandwidth(shaped(lambda frequency: np.where(frequency < 8_000, 0, -50))) > 23_500


@pytest.mark.parametrize("per_octave_db", [-12, -20, -30])
def test_a_roll_off_to_below_60_db_is_no_wall(per_octave_db):
    # It reaches -60 dB, and above 22 kHz, where the steepest reaches it, there is nothing to tell residue by.
    start = 22_000 * 2 ** (65 / per_octave_db)
    audio = shaped(lambda frequency: per_octave_db * np.log2(np.maximum(frequency / start, 1)))
    assert find_bandwidth(audio) > 23_500


def test_a_gap_does_not_end_a_band_that_returns():
    def level_db(frequency: np.ndarray) -> np.ndarray:
        return np.select([frequency < 6_000, frequency < 9_000, frequency < 14_000], [0, -80, -30], -300)

    # One STFT bin.
    assert find_bandwidth(shaped(level_db)) == pytest.approx(14_000, abs=24)


def sloping_band_and(top_db: float, top_freq: float = 20_000) -> np.ndarray:
    """A band that a gentle low-pass ends, to which a residue at the top lies too near; between them nothing."""

    def level_db(frequency: np.ndarray) -> np.ndarray:
        slope_db = -60 - 40 * np.log2(np.maximum(frequency, 11_000) / 11_000)
        levels = [0 * frequency, slope_db, np.full_like(frequency, top_db)]
        return np.select([frequency < 1_000, frequency < 13_500, frequency >= top_freq], levels, -300)

    return shaped(level_db)


def test_the_noise_of_shaped_dither_is_not_content():
    assert find_bandwidth(sloping_band_and(-70)) < 14_000


def test_what_a_gap_parts_from_the_band_is_content_if_it_is_loud_or_a_tone_or_reaches_down():
    assert find_bandwidth(sloping_band_and(-50)) > 23_500
    whine = tone(21_000, seconds=2.0, amplitude=1e-4)
    # As of a chord: half the smoothing over 150 Hz, and two bins of the window's main lobe.
    assert find_bandwidth(sloping_band_and(-300) + whine) == pytest.approx(21_000, abs=125)
    # The gap has less than half an octave.
    assert find_bandwidth(sloping_band_and(-70, 16_000)) > 23_500


def test_the_noise_around_a_tone_is_no_residue():
    """It lies 85 dB below the tone on both sides: what ends there is a tone, not a band."""
    assert find_bandwidth(tone(3_000) + noise(amplitude=3e-4)) > 23_500


@pytest.mark.parametrize("cutoff_freq", [4_000, 12_000])
@pytest.mark.parametrize("name", ["pink noise", "speech-like", "music-like"])
def test_band_edge_does_not_depend_on_the_level_nor_on_rounding(name, cutoff_freq):
    audio = lowpass(FULL_BAND[name], cutoff_freq)
    edge = find_bandwidth(audio)
    # A quiet clip's skirt sinks into the rounding noise: at -40 dB the edge may come down by 3 %.
    for gain in (2.0, 0.1, 0.01):
        assert find_bandwidth(gain * audio) == pytest.approx(edge, rel=0.03)
        assert find_bandwidth(round_to_16_bit(gain * audio)) == pytest.approx(edge, rel=0.03)


def test_an_abrupt_start_or_end_is_not_content():
    audio = band_limited(noise(2.0), 4_000)
    start, stop = np.argmax(np.abs(audio[0, :5_000])), 50_000 + np.argmax(np.abs(audio[0, 50_000:]))
    cut = audio[:, start : stop + 1]
    assert np.abs(cut[0, [0, -1]]).min() > 2 * audio.std()
    assert find_bandwidth(cut) == pytest.approx(find_bandwidth(audio), abs=50)
    assert find_cutoff(cut) == pytest.approx(find_cutoff(audio), abs=50)


def test_the_wider_channel_decides():
    audio = np.concatenate([band_limited(noise(), 3_000), band_limited(noise(seed=1), 9_000)])
    assert find_bandwidth(audio) == pytest.approx(9_000, abs=100)
    assert find_bandwidth(audio[::-1]) == find_bandwidth(audio)


def test_blocks_do_not_show(monkeypatch):
    audio = noise(0.5, tilt_db=-3)
    whole = find_cutoff(audio), find_bandwidth(audio)
    monkeypatch.setattr("audiosr_pipeline.dsp.cutoff.BLOCK_FRAMES", 7)
    assert (find_cutoff(audio), find_bandwidth(audio)) == whole


@pytest.mark.parametrize("cutoff_freq", [3_200, 3_900, 8_000])
@pytest.mark.parametrize("wall_db", [30, 40, 50])
@pytest.mark.parametrize("per_octave_db", [-10, -20])
def test_the_side_lobes_behind_a_low_rate_coders_wall_are_not_content(cutoff_freq, wall_db, per_octave_db):
    """Speech that AAC codes at 12-24 kbit/s falls by 12 dB per octave up to its wall, and goes on falling behind it."""

    def level_db(frequency: np.ndarray) -> np.ndarray:
        speech_db = -12 * np.log2(np.maximum(frequency, 500) / 500)
        skirt_db = -wall_db + per_octave_db * np.log2(np.maximum(frequency, cutoff_freq) / cutoff_freq)
        return speech_db + np.where(frequency < cutoff_freq, 0, skirt_db)

    # One STFT bin, and half the smoothing where the speech itself falls.
    assert find_bandwidth(shaped(level_db)) == pytest.approx(cutoff_freq, abs=100)


def test_a_steady_floor_behind_a_wall_is_content():
    """What does not fall on is no side lobe: the hiss of a room, or what was mixed with a telephone's voice."""
    assert find_bandwidth(shaped(lambda frequency: np.where(frequency < 3_400, 0, -50))) > 23_500
