"""The inverse-STFT vocoder."""

import diffusers
import pytest
import torch

from audiosr_pipeline.dsp.windows import merge_windows, split_windows
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor, mel_filter_bank
from audiosr_pipeline.models.stft import inverse_stft
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from tests.signals import noise

# Frames to either side that a frame of audio depends on: three for the first convolution and for each block, and the
# STFT frames that overlap it. Its level depends on two more frames' own STFTs, which overlap with four frames each.
BLOCKS, STFT_FRAMES, LEVEL_FRAMES = 2, 2, 2 + 4
RECEPTIVE_FIELD = 3 * (1 + BLOCKS) + STFT_FRAMES + LEVEL_FRAMES


def tiny_vocoder() -> ISTFTVocoder:
    torch.manual_seed(0)
    return ISTFTVocoder(hidden_size=16, intermediate_size=32, num_layers=BLOCKS).eval()


def random_mel(num_frames: int, batch_size: int = 1) -> torch.Tensor:
    return torch.randn(batch_size, num_frames, 256, generator=torch.Generator().manual_seed(1)) - 7


@torch.no_grad()
@pytest.mark.parametrize("num_frames", [1, 2, 5, 64])
def test_a_frame_is_a_hop_of_audio(num_frames):
    audio = tiny_vocoder()(random_mel(num_frames, 2))
    assert audio.shape == (2, 480 * num_frames)
    assert audio.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("value", [-1_000.0, -11.5, 0.0, 20.0, 1_000.0])
def test_any_mel_gives_finite_audio(value):
    audio = tiny_vocoder()(torch.full((1, 20, 256), value))
    assert audio.isfinite().all()
    # The clamp at e^6 in each of 1025 bins.
    assert audio.abs().max() < 1e4


@torch.no_grad()
def test_the_floor_is_inaudible():
    """A mel spectrogram of silence: what is left lies below 16 bit's rounding."""
    audio = tiny_vocoder()(torch.full((1, 50, 256), MelFeatureExtractor().log_floor))
    # The untrained network changes magnitudes by a factor of about e^0.1.
    assert audio.abs().max() < 2**-15


@pytest.mark.parametrize(
    ("log_magnitude", "tolerance"),
    [
        # A constant is interpolated exactly.
        (torch.full((1_025,), -5.0), 1e-4),
        # -12 dB per octave from 200 Hz on: straight lines between mel bins follow the curve to a tenth of a decibel.
        (-2 * torch.linspace(0, 24_000, 1_025).clamp(min=200).log(), 0.01),
        # Hills of 13 dB 6 kHz apart, whose tops straight lines between mel bins cut off by half a decibel at most.
        (-6 + 0.75 * torch.cos(torch.linspace(0, 8 * torch.pi, 1_025)), 0.06),
    ],
    ids=["flat", "tilted", "hills"],
)
def test_the_magnitude_that_is_corrected_already_has_the_wanted_mel(log_magnitude, tolerance):
    vocoder = tiny_vocoder()
    filters = mel_filter_bank(48_000, 2_048, 256, 20.0, 24_000.0)
    mel = (log_magnitude.exp() @ filters).log()
    again = (((mel + vocoder.offset) @ vocoder.interpolation).exp() @ filters).log()
    assert (again - mel).abs().max() < tolerance


@torch.no_grad()
def test_inverse_stft_inverts_the_mel_front_end_s_stft():
    """The frames' grid is the front end's: given its STFT, the waveform comes back, sample for sample."""
    audio = torch.from_numpy(noise(0.5))
    padded = torch.nn.functional.pad(audio[:, None], (784, 784), mode="reflect")[:, 0]
    window = torch.hann_window(2_048)
    spectrum = torch.stft(padded, 2_048, 480, window=window, center=False, return_complex=True)
    again = inverse_stft(spectrum.mT, window, 480)
    assert again.shape == audio.shape
    assert (again - audio).abs().max() < 1e-5


def noisy_vocoder() -> ISTFTVocoder:
    """All of its spectrum is noise."""
    vocoder = tiny_vocoder()
    torch.nn.init.zeros_(vocoder.head.weight)
    torch.nn.init.constant_(vocoder.head.bias.view(4, -1)[3], 30.0)
    return vocoder


@torch.no_grad()
def test_noise_has_the_level_and_the_distribution_of_noise():
    """A constant mel gives white noise at its level, whose magnitudes scatter as those of true noise."""
    vocoder = noisy_vocoder()
    audio = vocoder(torch.full((1, 200, 256), -4.0) - vocoder.offset)
    spectrum = torch.stft(audio[0, 4_800:-4_800], 2_048, 480, window=torch.hann_window(2_048), return_complex=True)
    # Above 1 kHz, where each mel bin spans several STFT bins.
    power = spectrum[43:-43].abs().square()
    # A mel spectrogram is a mean of magnitudes. Some 30 000 independent bins: it varies by under 1 %. The rest is for
    # the level, which is kept in the mean of squared bins.
    assert power.sqrt().mean().log() == pytest.approx(-4.0, abs=0.05)
    # The logarithm of an exponential distribution has the standard deviation pi / sqrt(6).
    assert power.log().std() == pytest.approx(torch.pi / 6**0.5, rel=0.05)


@torch.no_grad()
def test_noise_is_always_the_same_and_not_where_it_is_not_wanted():
    vocoder, mel = noisy_vocoder(), random_mel(50)
    assert torch.equal(vocoder(mel), noisy_vocoder()(mel))
    assert not torch.equal(vocoder(mel), vocoder(mel, first_frame=50))
    torch.nn.init.constant_(vocoder.head.bias, -30.0)
    assert (vocoder(mel) - vocoder(mel, first_frame=50)).abs().max() < 1e-6 * vocoder(mel).abs().max()


@torch.no_grad()
def test_windows_with_margins_give_what_the_whole_gives():
    vocoder, mel = tiny_vocoder(), random_mel(200)
    whole = vocoder(mel)
    windows = split_windows(200, 60, 4 + 2 * RECEPTIVE_FIELD)
    assert len(windows) > 3
    parts = (vocoder(mel[:, window.start : window.stop], window.start) for window in windows)
    merged = merge_windows(parts, windows, 4, 480, dim=-1)
    # Float32 rounds differently in shorter matrices.
    assert (merged - whole).abs().max() < 1e-4 * whole.abs().max()


@torch.no_grad()
def test_it_sees_no_further_than_its_receptive_field():
    vocoder, mel = tiny_vocoder(), random_mel(60)
    changed = mel.clone()
    changed[:, 30] += 1
    difference = (vocoder(changed) - vocoder(mel)).abs()[0].view(60, 480).amax(-1)
    seen = (difference > 0).nonzero().flatten()
    assert seen.min() >= 30 - RECEPTIVE_FIELD and seen.max() <= 30 + RECEPTIVE_FIELD
    assert difference[30] > 0


def level(mel: torch.Tensor, frames: slice) -> torch.Tensor:
    """Of the mean power of mel bins from 5 kHz on over frames, in nepers: narrower ones hold few STFT bins."""
    return (2 * mel[frames, 128:]).exp().mean(0).log() / 2


@torch.no_grad()
@pytest.mark.parametrize("asked_level", [-7.0, -10.0])
def test_what_is_made_has_the_level_that_is_asked_for_whatever_the_network_does(asked_level):
    """No shelf at 21.5 kHz where it has learned to make 20 dB too little, and 9 dB too much below; loud and quiet."""
    vocoder = noisy_vocoder()
    bias = vocoder.head.bias.data.view(4, -1)[0]
    bias[400:800] = 1.0
    # As a network does it, the wall is a slope: over 400 Hz.
    bias[918:] = -2.3 * torch.linspace(0, 6, len(bias) - 918).clamp(max=1)
    asked = torch.full((1, 300, 256), asked_level)
    asked[:, 140:160] += 3.0
    made = MelFeatureExtractor()(vocoder(asked))[0, 0]
    for frames in (slice(20, 130), slice(145, 155), slice(170, 280)):
        difference = level(made, frames) - level(asked[0], frames)
        # In nepers: 2 dB. The narrowest bins hold 4 STFT bins, in ten frames some ten independent values; and the wall
        # falls by 8 dB inside one.
        assert difference.abs().max() < 0.23, (frames, difference)


@torch.no_grad()
def test_what_lies_at_the_floor_is_not_raised():
    """There a mel spectrogram says that nothing is louder, and no more."""
    vocoder = noisy_vocoder()
    vocoder.head.bias.data.view(4, -1)[0] = -2.0
    floor = MelFeatureExtractor().log_floor
    audio = vocoder(torch.full((1, 60, 256), floor))
    expected = 20 * torch.log10(torch.tensor(torch.e)) * -2.0
    normal = noisy_vocoder()(torch.full((1, 60, 256), floor))
    assert 20 * torch.log10(audio.std() / normal.std()) == pytest.approx(float(expected), abs=0.5)


@torch.no_grad()
def test_saved_and_loaded_it_sounds_the_same(tmp_path):
    vocoder, mel = tiny_vocoder(), random_mel(20)
    vocoder.save_pretrained(tmp_path)
    loaded = ISTFTVocoder.from_pretrained(tmp_path)
    assert torch.equal(loaded(mel), vocoder(mel))
    assert dict(loaded.config)["num_layers"] == BLOCKS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "diffusion_pytorch_model.safetensors"]


def test_weights_are_the_network_s_alone():
    """The mel bank and the window are made, not stored: nothing in a checkpoint can disagree with the config."""
    names = tiny_vocoder().state_dict()
    assert {name.split(".")[0] for name in names} == {"conv_in", "norm_in", "blocks", "norm_out", "head"}
    assert isinstance(tiny_vocoder(), diffusers.ModelMixin)
    # The size that ships: 3.6 million parameters.
    assert sum(parameter.numel() for parameter in ISTFTVocoder().parameters()) < 4e6


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_sounds_alike_and_comes_out_in_float32(dtype):
    mel = random_mel(50)
    expected = tiny_vocoder()(mel)
    vocoder = tiny_vocoder().to(dtype)
    audio = vocoder(mel.to(dtype))
    assert audio.dtype == torch.float32
    # The tables keep their precision, only the network's is halved.
    assert vocoder.interpolation.dtype == vocoder.window.dtype == torch.float32
    # bfloat16 holds 8 bit: a mel value of -7 is rounded by 0.02, phases by as much.
    error = (audio - expected).square().mean().sqrt() / expected.square().mean().sqrt()
    assert error < {torch.float16: 0.01, torch.bfloat16: 0.1}[dtype]


def test_gradients_reach_every_parameter():
    vocoder = tiny_vocoder().train()
    vocoder(random_mel(10)).square().mean().backward()
    for name, parameter in vocoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
