"""The discriminators learn to tell, and what they learn teaches a generator."""

import copy

import pytest
import torch

from audiosr_pipeline.training.discriminators import (
    PERIODS,
    RESOLUTIONS,
    Adversary,
    PatchDiscriminator,
    PeriodDiscriminator,
    SpectrogramDiscriminator,
    waveform_discriminators,
)
from tests.signals import noise


def waveforms(count: int = 2) -> torch.Tensor:
    return torch.from_numpy(noise(0.16 * count)).view(count, -1)


def smooth(audio: torch.Tensor) -> torch.Tensor:
    """The same waveforms, their spectrum's grain halved on a logarithmic scale."""
    spectrum = torch.stft(audio, 1_024, 256, window=torch.hann_window(1_024), return_complex=True)
    spectrum = spectrum / spectrum.abs().clamp(min=1e-3).sqrt()
    return torch.istft(spectrum, 1_024, 256, window=torch.hann_window(1_024), length=audio.shape[-1])


def tiny_adversary() -> Adversary:
    return Adversary(waveform_discriminators(2, 1), learning_rate=1e-3)


def update(adversary: Adversary, estimate: torch.Tensor, truth: torch.Tensor) -> None:
    """One step of the discriminators."""
    adversary.optimizer.zero_grad()
    adversary.add_gradients(estimate, truth)
    adversary.optimizer.step()


def test_scores_and_features_of_a_discriminator():
    features = SpectrogramDiscriminator(512, 128, channels=4)(waveforms(2))
    assert [feature.shape[1] for feature in features] == [4, 4, 4, 4, 4, 1]
    assert all(len(feature) == 2 and feature.isfinite().all() for feature in features)


@pytest.mark.parametrize("period", PERIODS)
def test_a_period_discriminator_sees_samples_a_period_apart(period):
    discriminator = PeriodDiscriminator(period, channels=1)
    audio = waveforms(2)[:, :7_001]
    before = discriminator(audio)
    assert [feature.shape[1] for feature in before] == [1, 4, 16, 32, 32, 1]
    changed = audio.clone()
    changed[:, 3_000] += 1
    columns = {
        column
        for old, new in zip(before, discriminator(changed), strict=True)
        for column in (old != new).any(2).nonzero()[:, -1].tolist()
    }
    assert columns == {3_000 % period}


def test_a_patch_discriminator_scores_patches_of_a_mel():
    discriminator = PatchDiscriminator(channels=2)
    mel = torch.randn(2, 1, 64, 256) - 7
    features = discriminator(mel)
    assert [feature.shape[1] for feature in features] == [2, 4, 8, 16, 1]
    assert features[-1].shape[2:] == (6, 30)
    # Not a score of an example depends on another.
    assert torch.allclose(discriminator(mel[:1])[-1], features[-1][:1], atol=1e-5)
    mel[:, :, :, 128:] += 1
    different = (discriminator(mel)[-1] != features[-1]).any(2).any(0)[0]
    # Patches of 70 bins, 8 apart.
    assert not different[:8].any() and different[-12:].all()


def test_a_width_of_0_leaves_them_out():
    assert len(waveform_discriminators(1, 1)) == len(RESOLUTIONS) + len(PERIODS)
    assert {type(d) for d in waveform_discriminators(0, 1)} == {PeriodDiscriminator}
    assert {type(d) for d in waveform_discriminators(1, 0)} == {SpectrogramDiscriminator}


def test_silence_is_finite():
    adversary = tiny_adversary()
    silence = torch.zeros(2, 7_680)
    update(adversary, silence, silence)
    assert all(loss.isfinite().all() for loss in adversary.generator_losses(silence, silence))


@pytest.mark.parametrize("widths", [(4, 0), (0, 4)])
def test_they_learn_to_tell_noise_from_a_buzz_at_the_frame_rate(widths):
    """What a vocoder without noise makes of a constant mel."""
    torch.manual_seed(0)
    adversary, truth = Adversary(waveform_discriminators(*widths), learning_rate=3e-3), waveforms(2)
    harmonics = torch.arange(1, 240)
    time = torch.arange(truth.shape[-1]) / 48_000
    phases = 2 * torch.pi * 100 * harmonics[:, None] * time + 0.1 * harmonics[:, None] ** 2
    buzz = phases.sin().sum(0).expand(2, -1)
    buzz = buzz / buzz.std() * truth.std()
    before = adversary.generator_losses(buzz, truth)[0].mean()
    for _ in range(40):
        update(adversary, buzz, truth)
    with torch.no_grad():
        margins = [(d(truth)[-1] - d(buzz)[-1]).mean() for d in adversary.discriminators]
    assert sum(margins) > 1
    after = adversary.generator_losses(buzz, truth)[0].mean()
    # The generator's loss is high where it is caught.
    assert after > before


def test_the_truth_matches_itself_and_gradients_reach_the_estimate():
    torch.manual_seed(0)
    adversary, truth = tiny_adversary(), waveforms()
    _, matching = adversary.generator_losses(truth, truth)
    assert torch.equal(matching, torch.zeros(2))
    estimate = smooth(truth).requires_grad_()
    adversarial, matching = adversary.generator_losses(estimate, truth)
    assert (matching > 0.01).all()
    for loss in (adversarial, matching):
        (gradient,) = torch.autograd.grad(loss.sum(), estimate, retain_graph=True)
        assert gradient.isfinite().all() and gradient.any()


def test_updates_leave_the_generator_alone_and_its_losses_the_discriminators():
    adversary, truth = tiny_adversary(), waveforms()
    estimate = smooth(truth).requires_grad_()
    update(adversary, estimate, truth)
    assert estimate.grad is None
    adversary.optimizer.zero_grad()
    sum(adversary.generator_losses(estimate, truth)).mean().backward()
    assert estimate.grad.any()
    assert all(parameter.grad is None for parameter in adversary.discriminators.parameters())
    update(adversary, estimate.detach(), truth)
    assert all(parameter.grad is not None for parameter in adversary.discriminators.parameters())


def test_nothing_depends_on_what_a_crop_is_batched_with():
    """So that a step may be taken in parts."""
    torch.manual_seed(0)
    adversary, truth = tiny_adversary(), waveforms(3) * torch.tensor([1.0, 0.1, 0.01])[:, None]
    estimate = smooth(truth)

    def gradients() -> list[torch.Tensor]:
        found = [parameter.grad.clone() for parameter in adversary.discriminators.parameters()]
        adversary.optimizer.zero_grad()
        return found

    whole = adversary.generator_losses(estimate, truth)
    alone = [adversary.generator_losses(*pair) for pair in zip(estimate.split(1), truth.split(1), strict=True)]
    for of_whole, of_alone in zip(whole, zip(*alone, strict=True), strict=True):
        # Float32 sums in another order.
        assert torch.allclose(of_whole, torch.cat(of_alone), rtol=1e-4, atol=1e-6)
    adversary.add_gradients(estimate, truth)
    expected = gradients()
    for part in zip(estimate.split(1), truth.split(1), strict=True):
        adversary.add_gradients(*part)
    for one, other in zip(expected, gradients(), strict=True):
        assert torch.allclose(one, other / 3, rtol=1e-3, atol=1e-5)


def test_an_adversary_of_mels():
    torch.manual_seed(0)
    adversary, truth = Adversary([PatchDiscriminator(2)], learning_rate=1e-3), torch.randn(2, 1, 32, 64)
    estimate = torch.zeros_like(truth, requires_grad=True)
    for _ in range(20):
        update(adversary, estimate, truth)
    of_estimate, of_truth = (adversary.generator_losses(given, truth)[0] for given in (estimate, truth))
    assert (of_estimate > of_truth).all()


def test_a_saved_adversary_goes_on_as_if_never_stopped():
    torch.manual_seed(0)
    adversary, truth = tiny_adversary(), waveforms()
    update(adversary, smooth(truth), truth)
    resumed = tiny_adversary()
    before = [each.generator_losses(smooth(truth), truth)[0] for each in (adversary, resumed)]
    assert not torch.equal(*before)
    resumed.load_state_dict(copy.deepcopy(adversary.state_dict()))
    for each in (adversary, resumed):
        update(each, smooth(truth), truth)
    for one, other in zip(adversary.discriminators.parameters(), resumed.discriminators.parameters(), strict=True):
        assert torch.equal(one, other)
