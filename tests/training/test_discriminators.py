"""The discriminators learn to tell, and what they learn teaches a generator."""

import copy

import pytest
import torch

from audiosr_pipeline.training.discriminators import Adversary, SpectrogramDiscriminator
from tests.signals import noise


def waveforms(count: int = 2) -> torch.Tensor:
    return torch.from_numpy(noise(0.16 * count)).view(count, -1)


def smooth(audio: torch.Tensor) -> torch.Tensor:
    """The same waveforms, their spectrum's grain halved on a logarithmic scale."""
    spectrum = torch.stft(audio, 1_024, 256, window=torch.hann_window(1_024), return_complex=True)
    spectrum = spectrum / spectrum.abs().clamp(min=1e-3).sqrt()
    return torch.istft(spectrum, 1_024, 256, window=torch.hann_window(1_024), length=audio.shape[-1])


def test_scores_and_features_of_a_discriminator():
    features = SpectrogramDiscriminator(512, 128, channels=4)(waveforms(2))
    assert [feature.shape[1] for feature in features] == [4, 4, 4, 4, 4, 1]
    assert all(len(feature) == 2 and feature.isfinite().all() for feature in features)


def test_silence_is_finite():
    adversary = Adversary(channels=2, learning_rate=1e-3)
    silence = torch.zeros(2, 7_680)
    adversary.update(silence, silence)
    assert all(loss.isfinite() for loss in adversary.generator_losses(silence, silence))


def test_it_learns_to_tell_noise_from_a_buzz_at_the_frame_rate():
    """What a vocoder without noise makes of a constant mel."""
    torch.manual_seed(0)
    adversary, truth = Adversary(channels=4, learning_rate=3e-3), waveforms(2)
    harmonics = torch.arange(1, 240)
    time = torch.arange(truth.shape[-1]) / 48_000
    phases = 2 * torch.pi * 100 * harmonics[:, None] * time + 0.1 * harmonics[:, None] ** 2
    buzz = phases.sin().sum(0).expand(2, -1)
    buzz = buzz / buzz.std() * truth.std()
    before, _ = adversary.generator_losses(buzz, truth)
    for _ in range(40):
        adversary.update(buzz, truth)
    with torch.no_grad():
        margins = [(d(truth)[-1] - d(buzz)[-1]).mean() for d in adversary.discriminators]
    assert sum(margins) > 1
    after, _ = adversary.generator_losses(buzz, truth)
    # The generator's loss is high where it is caught.
    assert after > before


def test_the_truth_matches_itself_and_gradients_reach_the_estimate():
    torch.manual_seed(0)
    adversary, truth = Adversary(channels=2, learning_rate=1e-3), waveforms()
    _, matching = adversary.generator_losses(truth, truth)
    assert matching == 0
    estimate = smooth(truth).requires_grad_()
    adversarial, matching = adversary.generator_losses(estimate, truth)
    assert matching > 0.01
    for loss in (adversarial, matching):
        (gradient,) = torch.autograd.grad(loss, estimate, retain_graph=True)
        assert gradient.isfinite().all() and gradient.any()


def test_updates_leave_the_generator_alone():
    adversary, truth = Adversary(channels=2, learning_rate=1e-3), waveforms()
    estimate = smooth(truth).requires_grad_()
    adversary.update(estimate, truth)
    assert estimate.grad is None


def test_a_saved_adversary_goes_on_as_if_never_stopped():
    torch.manual_seed(0)
    adversary, truth = Adversary(channels=2, learning_rate=1e-3), waveforms()
    adversary.update(smooth(truth), truth)
    resumed = Adversary(channels=2, learning_rate=1e-3)
    assert resumed.generator_losses(smooth(truth), truth) != adversary.generator_losses(smooth(truth), truth)
    resumed.load_state_dict(copy.deepcopy(adversary.state_dict()))
    for each in (adversary, resumed):
        each.update(smooth(truth), truth)
    for one, other in zip(adversary.discriminators.parameters(), resumed.discriminators.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("channels", [1, 3])
def test_its_width_is_its_own(channels):
    adversary = Adversary(channels=channels, learning_rate=1e-3)
    assert {d.last.weight.shape[1] for d in adversary.discriminators} == {channels}
