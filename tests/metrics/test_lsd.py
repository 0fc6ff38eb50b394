"""Log-spectral distance: what each convention says of known signals."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from scipy import signal

from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.metrics import log_spectral_distance, log_spectral_distances, round_to_16_bit
from audiosr_pipeline.metrics.lsd import distances_at_gains, silent_frames

CONVENTIONS = ["ssr_eval", "apbwe", "universr"]
CLIP = Path(__file__).parents[2] / "examples" / "speech_22khz.wav"


def noise(seed: int, seconds: float = 1.0, sampling_rate: int = 48_000) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal((1, round(seconds * sampling_rate)))
    return (0.1 * samples).astype(np.float32)


def defined_by_librosa(estimate, reference, convention, sampling_rate, f_min, f_max) -> float:
    """The definition, written once more with librosa's STFT."""
    if convention == "ssr_eval":
        settings = {"n_fft": int(2048 / (44100 / sampling_rate)), "hop_length": int(sampling_rate / 100)}
    else:
        n_fft, hop_length, floor = {"apbwe": (2048, 512, 1e-8), "universr": (1024, 256, 1e-6)}[convention]
        settings = {"n_fft": n_fft, "hop_length": hop_length, "pad_mode": "reflect"}
    magnitudes = [np.abs(librosa.stft(audio[0].astype(np.float64), **settings)) for audio in (estimate, reference)]
    if convention == "ssr_eval":
        difference = np.log10(magnitudes[1] ** 2 / (magnitudes[0] + 1e-12) ** 2 + 1e-12)
    else:
        difference = np.subtract(*[np.log10(np.maximum(magnitude**2, floor)) for magnitude in magnitudes])
    frequencies = librosa.fft_frequencies(sr=sampling_rate, n_fft=settings["n_fft"])
    inside = (frequencies >= f_min) & (frequencies < f_max)
    return float(np.sqrt((difference[inside] ** 2).mean(0)).mean())


@pytest.mark.parametrize("convention", CONVENTIONS)
# Six seconds are more frames than one block.
@pytest.mark.parametrize(("sampling_rate", "seconds"), [(48_000, 6.0), (44_100, 0.5), (16_000, 0.7)])
@pytest.mark.parametrize(("f_min", "f_max"), [(0, None), (4_000, None), (0, 4_000), (2_000, 6_000)])
def test_agrees_with_the_definition_computed_by_librosa(convention, sampling_rate, seconds, f_min, f_max):
    reference = round_to_16_bit(noise(0, seconds, sampling_rate))
    estimate = round_to_16_bit(signal.sosfilt(signal.butter(4, 0.3, output="sos"), noise(1, seconds, sampling_rate)))
    ours = log_spectral_distance(estimate, reference, convention, sampling_rate, f_min, f_max)
    expected = defined_by_librosa(estimate, reference, convention, sampling_rate, f_min, f_max or np.inf)
    assert ours.shape == (1,)
    assert ours.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("convention", "at_its_level", "at_half_the_level"),
    [("ssr_eval", 5.503922, 5.972536), ("apbwe", 4.016210, 4.325596), ("universr", 2.592671, 2.616716)],
)
def test_agrees_with_what_the_published_scripts_give(convention, at_its_level, at_half_the_level):
    # The figures are those of ssr_eval 0.0.7's `AudioMetrics`, AP-BWE's `cal_metrics.py` and UniverSR's
    # `compute_metrics.py`, in float32, for the shipped clip taken as if its rate were 48 kHz.
    reference, _ = read_audio(CLIP)
    sections = signal.cheby1(8, 0.05, 4_000, fs=48_000, output="sos")
    estimate = round_to_16_bit(signal.sosfiltfilt(sections, reference.astype(np.float64)))
    for gain, expected in ((1.0, at_its_level), (0.5, at_half_the_level)):
        ours = log_spectral_distance(gain * estimate, reference.astype(np.float64), convention).item()
        # Float32 has seven digits, some of which go in the STFT.
        assert ours == pytest.approx(expected, rel=1e-5)


def test_conventions_differ_on_the_same_two_files():
    reference = noise(0)
    quiet = 1e-3 * reference
    scores = [log_spectral_distance(np.zeros_like(quiet), quiet, convention).item() for convention in CONVENTIONS]
    # Without the estimate's floor, with one far below the reference, and with one near it.
    assert scores[0] > 3 * scores[1] > 6 * scores[2]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gains_are_as_if_the_signal_had_been_multiplied(convention):
    estimate, reference = noise(0), noise(1)
    bands = [(0, None), (4_000, None)]
    both = distances_at_gains(estimate, reference, convention, bands, 48_000, (1.0, 0.25))
    for gain, distances in zip((1.0, 0.25), both, strict=True):
        alone = log_spectral_distances(gain * estimate, reference, convention, bands)
        assert distances.tolist() == [pytest.approx(alone[0].tolist(), rel=1e-9)]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_identical_sound_scores_zero(convention):
    # The 1e-12 beside the estimate's magnitude is all that is left.
    assert log_spectral_distance(noise(0), noise(0), convention).item() < 1e-8


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_half_the_gain_alone_costs_six_decibels(convention):
    reference = noise(0)
    assert log_spectral_distance(0.5 * reference, reference, convention).item() == pytest.approx(0.60206, abs=1e-3)


def test_independent_noises_differ_by_their_speckle_alone():
    # ln of an exponential variable has variance pi^2/6: two of them differ by pi/sqrt(3)/ln(10) in log10, RMS.
    distance = log_spectral_distance(noise(0, 4), noise(1, 4), "apbwe").item()
    assert distance == pytest.approx(np.pi / np.sqrt(3) / np.log(10), rel=0.02)


def test_ssr_eval_gives_digital_silence_twelve_whatever_the_estimate_is():
    silence = np.zeros((1, 48_000), np.float32)
    for estimate in (silence, noise(0)):
        assert log_spectral_distance(estimate, silence, "ssr_eval").item() == pytest.approx(12)
    assert silent_frames(silence, "ssr_eval") == 1.0


def test_the_share_of_silent_frames_is_what_ssr_eval_adds_to_identical_sound():
    audio = noise(0, 3)
    audio[:, 30_000:90_123] = 0
    distance = log_spectral_distance(audio, audio, "ssr_eval").item()
    assert distance == pytest.approx(12 * silent_frames(audio, "ssr_eval").item(), abs=1e-6)


@pytest.mark.parametrize("convention", ["apbwe", "universr"])
def test_with_a_floor_silence_is_identical_to_silence(convention):
    silence = np.zeros((1, 48_000), np.float32)
    assert log_spectral_distance(silence, silence, convention).item() == 0


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_silence_on_either_side_is_finite(convention):
    silence = np.zeros((1, 48_000), np.float32)
    assert np.isfinite(log_spectral_distance(silence, noise(0), convention).item())
    assert np.isfinite(log_spectral_distance(noise(0), silence, convention).item())


def test_rounding_to_16_bit_fills_the_empty_band_that_rules_ssr_eval():
    reference = noise(0)
    sections = signal.cheby1(8, 0.05, 4_000, fs=48_000, output="sos")
    unprocessed = signal.sosfiltfilt(sections, reference.astype(np.float64))
    rounded = round_to_16_bit(unprocessed), round_to_16_bit(reference)
    assert log_spectral_distance(unprocessed, reference, "ssr_eval").item() > 12
    # Variance 0.01 against the rounding noise's, in 20 of 24 kHz, less what the filter's slope lets through.
    expected = np.log10(0.01 / (2**-30 / 12)) * np.sqrt(20 / 24)
    assert log_spectral_distance(*rounded, "ssr_eval").item() == pytest.approx(expected, rel=0.06)
    raw, filled = (log_spectral_distance(*pair, "apbwe").item() for pair in ((unprocessed, reference), rounded))
    assert filled < raw < 1.5 * filled


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_bands_see_their_own_frequencies_alone(convention):
    reference = noise(0)
    time = np.arange(48_000) / 48_000
    estimate = reference + 0.1 * np.sin(2 * np.pi * 12_000 * time).astype(np.float32)
    below, around, above = log_spectral_distances(
        estimate, reference, convention, [(0, 11_500), (11_500, 12_500), (12_500, None)]
    )[0].tolist()
    # Outside, the tone's side lobes and its abrupt ends: 1 % of what it does in its own kilohertz.
    assert max(below, above) < 0.02 * around


def test_the_bands_below_and_above_a_cutoff_hold_every_bin_once():
    # A single click in the middle: every frame that sees it has one flat spectrum, so squares of bands add up.
    estimate, reference = np.full((1, 1_025), 1e-9), np.full((1, 1_025), 1e-9)
    estimate[0, 512] = 1.0
    low, high, whole = log_spectral_distances(estimate, reference, "apbwe", [(0, 4_000), (4_000, None), (0, None)])[0]
    num_low = sum(bin_index * 48_000 / 2_048 < 4_000 for bin_index in range(1_025))
    assert (num_low * low**2 + (1_025 - num_low) * high**2).item() == pytest.approx(1_025 * whole.item() ** 2)


def test_examples_of_a_batch_do_not_mix_and_tensors_are_taken():
    estimate = torch.from_numpy(np.concatenate([noise(1), noise(2)]))
    reference = torch.from_numpy(np.concatenate([noise(3), noise(4)]))
    both = log_spectral_distance(estimate, reference, "ssr_eval")
    alone = [log_spectral_distance(estimate[i : i + 1], reference[i : i + 1], "ssr_eval") for i in range(2)]
    assert both.tolist() == pytest.approx(torch.cat(alone).tolist(), rel=1e-12)


def test_arrays_that_run_backwards_in_memory_are_taken():
    assert log_spectral_distance(noise(0)[:, ::-1], noise(0)[:, ::-1].copy(), "apbwe").item() == 0


def test_bad_input_says_what_was_passed():
    audio = noise(0)
    with pytest.raises(ValueError, match="convention='lsd' is unknown; accepted: 'ssr_eval', 'apbwe', 'universr'"):
        log_spectral_distance(audio, audio, "lsd")
    with pytest.raises(ValueError, match=r"estimate has shape \(48000,\)"):
        log_spectral_distance(audio[0], audio, "apbwe")
    with pytest.raises(ValueError, match=r"estimate has shape \(1, 47000\), reference \(1, 48000\)"):
        log_spectral_distance(audio[:, :47_000], audio, "apbwe")
    with pytest.raises(ValueError, match="reference has dtype torch.int16"):
        log_spectral_distance(audio, np.zeros((1, 48_000), np.int16), "apbwe")
    with pytest.raises(ValueError, match="reference holds NaN"):
        log_spectral_distance(audio, np.full_like(audio, np.nan), "apbwe")
    with pytest.raises(ValueError, match="f_min=30000 Hz"):
        log_spectral_distance(audio, audio, "apbwe", f_min=30_000)
    with pytest.raises(ValueError, match="1000 samples; n_fft=2048 needs more than 1024"):
        log_spectral_distance(audio[:, :1_000], audio[:, :1_000], "apbwe")
