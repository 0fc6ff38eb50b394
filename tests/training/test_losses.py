"""The multi-resolution STFT loss, on signals whose loss can be worked out."""

import librosa
import numpy as np
import pytest
import torch

from audiosr_pipeline.training.losses import RESOLUTIONS, multi_resolution_stft_loss
from tests.signals import noise


def batch(*audios: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(audios))


def test_identical_sound_costs_nothing():
    audio = batch(noise(0.5), noise(0.5, seed=1))
    assert multi_resolution_stft_loss(audio, audio) == 0


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_gain_costs_its_logarithm_and_its_distance_from_one(gain):
    audio = batch(noise(0.5))
    # White noise lies far above the 1e-4 that is added to magnitudes.
    expected = abs(np.log(gain)) + abs(gain - 1)
    assert multi_resolution_stft_loss(gain * audio, audio).item() == pytest.approx(expected, rel=1e-3)


def test_agrees_with_the_definition_computed_by_librosa():
    estimate, reference = noise(0.5, seed=1, tilt_db=-3), noise(0.5)
    expected = 0.0
    for n_fft, hop_length in RESOLUTIONS:
        settings = {"n_fft": n_fft, "hop_length": hop_length, "pad_mode": "reflect"}
        magnitudes = [np.abs(librosa.stft(audio[0].astype(np.float64), **settings)) for audio in (estimate, reference)]
        estimated, wanted = [np.sqrt(magnitude**2 + 1e-8) for magnitude in magnitudes]
        expected += np.abs(np.log(estimated) - np.log(wanted)).mean()
        expected += np.linalg.norm(estimated - wanted) / np.linalg.norm(wanted)
    loss = multi_resolution_stft_loss(batch(estimate), batch(reference)).item()
    assert loss == pytest.approx(expected / len(RESOLUTIONS), rel=1e-4)


def test_phase_costs_little():
    """Another sample of the same noise, and its own time reversed, cost the same: magnitudes alone count."""
    audio = batch(noise(1.0))
    assert multi_resolution_stft_loss(-audio, audio) < 1e-6
    other = multi_resolution_stft_loss(batch(noise(1.0, seed=1)), audio).item()
    assert multi_resolution_stft_loss(audio.flip(-1), audio).item() == pytest.approx(other, rel=0.05)


def test_each_example_counts_alike():
    first, second = (batch(noise(0.5, seed=0)), batch(noise(0.5, seed=1)))
    estimate = torch.cat([0.5 * first, second])
    one = multi_resolution_stft_loss(0.5 * first, first)
    both = multi_resolution_stft_loss(estimate, torch.cat([first, second]))
    assert both.item() == pytest.approx(one.item() / 2, rel=1e-4)


def test_silence_has_a_finite_loss_and_gradient():
    for reference in (torch.zeros(1, 8_000), batch(noise(0.2))):
        estimate = torch.zeros_like(reference, requires_grad=True)
        loss = multi_resolution_stft_loss(estimate, reference)
        loss.backward()
        assert loss.isfinite() and estimate.grad.isfinite().all()


def test_what_16_bit_can_hold_counts_and_what_lies_far_below_does_not():
    silence, quietest = torch.zeros(1, 24_000), batch(noise(0.5, amplitude=1e-5))
    assert multi_resolution_stft_loss(silence, quietest) > 1
    assert multi_resolution_stft_loss(silence, 1e-3 * quietest) < 0.01
