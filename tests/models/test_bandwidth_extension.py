"""The vocoder that hears the input's waveform too."""

import pytest
import torch

from audiosr_pipeline.models.bandwidth_extension import OVERLAP_HZ, BandwidthExtensionVocoder
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.stft import inverse_stft, stft

NUM_FRAMES = 40


def tiny_vocoder() -> BandwidthExtensionVocoder:
    torch.manual_seed(0)
    return BandwidthExtensionVocoder(hidden_size=16, intermediate_size=16, num_layers=2).eval()


def low_noise(batch_size: int = 1, cutoff_freq: float = 6_000.0) -> torch.Tensor:
    """Noise without anything from the cutoff on."""
    noise = 0.1 * torch.randn(batch_size, NUM_FRAMES * 480, generator=torch.Generator().manual_seed(1))
    spectrum = torch.fft.rfft(noise)
    spectrum[:, torch.fft.rfftfreq(noise.shape[-1], 1 / 48_000) >= cutoff_freq] = 0
    return torch.fft.irfft(spectrum, n=noise.shape[-1])


def band_power(audio: torch.Tensor, low: float, high: float) -> torch.Tensor:
    spectrum = torch.fft.rfft(audio)
    frequencies = torch.fft.rfftfreq(audio.shape[-1], 1 / 48_000)
    return spectrum[:, (frequencies >= low) & (frequencies < high)].abs().square().sum(-1)


@pytest.mark.parametrize(("n_fft", "hop_length"), [(1_024, 240), (1_024, 256), (2_048, 480)])
def test_the_inverse_gives_back_what_was_transformed(n_fft, hop_length):
    audio = torch.randn(2, 20 * hop_length)
    window = torch.hann_window(n_fft)
    spectrum = stft(audio, window, hop_length)
    assert spectrum.shape == (2, 20, n_fft // 2 + 1)
    inverse = inverse_stft(spectrum, window / window.square().sum().sqrt(), hop_length)
    assert torch.allclose(inverse, audio, atol=1e-4)
    # Unit power: the mean over 20 x 513 or more bins is off by some percent.
    assert spectrum[:, 4:-4].abs().square().mean().item() == pytest.approx(1, abs=0.1)


@torch.no_grad()
def test_with_and_without_a_mel_a_frame_is_a_hop_of_audio():
    vocoder = tiny_vocoder()
    mel = torch.randn(2, NUM_FRAMES, 256) - 7
    for given in (mel, None):
        audio = vocoder(given, audio=low_noise(2), cutoff_freq=6_000)
        assert audio.shape == (2, NUM_FRAMES * 480) and audio.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("audio", [torch.zeros(1, 4_800), torch.ones(1, 4_800), 1e4 * torch.ones(1, 4_800)])
@pytest.mark.parametrize("mel", [None, torch.full((1, 10, 256), 1_000.0), torch.full((1, 10, 256), -1_000.0)])
def test_any_input_gives_finite_audio(audio, mel):
    assert tiny_vocoder()(mel, audio=audio, cutoff_freq=4_000).isfinite().all()


@torch.no_grad()
def test_below_the_cutoff_is_the_input():
    audio = low_noise()
    made = tiny_vocoder()(None, audio=audio, cutoff_freq=6_000)
    # The skirt of the window's spectrum, two bins of 47 Hz.
    error = band_power(made - audio, 0, 6_000 - OVERLAP_HZ - 94)
    assert error < 1e-4 * band_power(audio, 0, 6_000)
    assert band_power(made, 6_000, 24_000) > 0


@torch.no_grad()
def test_without_a_mel_the_new_band_follows_the_input_s_level():
    """Within a percent: the floor of 1e-5 doesn't scale along."""
    vocoder, audio = tiny_vocoder(), low_noise()
    loud, quiet = (vocoder(None, audio=gain * audio, cutoff_freq=6_000) for gain in (1.0, 0.1))
    assert torch.allclose(loud / 10, quiet, atol=0.01 * quiet.abs().max().item())


@torch.no_grad()
def test_a_stroke_stays_a_stroke():
    """A low-passed click in faint noise: the untrained network already puts the new band's energy where it is."""
    click = 1e-4 * torch.randn(1, NUM_FRAMES * 480, generator=torch.Generator().manual_seed(1))
    click[0, 9_600] = 0.5
    spectrum = torch.fft.rfft(click)
    frequencies = torch.fft.rfftfreq(click.shape[-1], 1 / 48_000)
    vocoder = tiny_vocoder()
    # All excitation, no noise.
    num_bins = vocoder.head.out_features // 2
    vocoder.head.bias[num_bins:] = -20.0
    vocoder.head.weight[num_bins:] = 0.0
    lowpassed = torch.fft.irfft(spectrum * (frequencies < 6_000), n=click.shape[-1])
    made = torch.fft.rfft(vocoder(None, audio=lowpassed, cutoff_freq=6_000))
    new = torch.fft.irfft(made * (frequencies >= 7_000), n=click.shape[-1])[0].square()
    # 2 ms to either side.
    assert new[9_504:9_696].sum() > 0.8 * new.sum()


@torch.no_grad()
def test_a_mel_gives_the_level():
    """Of noise of one level up to 24 kHz, the new band is within 2 dB: the untrained network corrects by less."""
    truth = 0.1 * torch.randn(1, NUM_FRAMES * 480, generator=torch.Generator().manual_seed(2))
    mel = MelFeatureExtractor()(truth)[:, 0]
    made = tiny_vocoder()(mel, audio=low_noise(), cutoff_freq=6_000)
    ratio = band_power(made, 7_000, 23_000) / band_power(truth, 7_000, 23_000)
    assert abs(10 * ratio.log10().item()) < 2


@torch.no_grad()
def test_only_the_mel_above_the_cutoff_counts():
    vocoder, audio = tiny_vocoder(), low_noise()
    mel = torch.randn(1, NUM_FRAMES, 256) - 7
    other = mel.clone()
    # 4.6 kHz: two bins, and the STFT bins that lie between them, are well below the cutoff.
    other[..., :150] += 1
    assert torch.allclose(vocoder(mel, audio, 6_000), vocoder(other, audio, 6_000), atol=1e-5)
    other[..., 220:] += 1
    ratio = band_power(vocoder(other, audio, 6_000), 15_000, 24_000) / band_power(
        vocoder(mel, audio, 6_000), 15_000, 24_000
    )
    # e^2, which the untrained network hardly changes.
    assert 5 < ratio.item() < 10


@torch.no_grad()
def test_each_of_a_batch_has_its_own_cutoff():
    vocoder, audio = tiny_vocoder(), low_noise(2, 4_000)
    both = vocoder(None, audio, torch.tensor([4_000.0, 9_000.0]))
    assert torch.allclose(both[1], vocoder(None, audio[1:], 9_000)[0], atol=1e-5)
    assert band_power(both, 5_000, 8_000)[1] < 1e-3 * band_power(both, 5_000, 8_000)[0]


def test_a_saved_one_sounds_the_same(tmp_path):
    vocoder, audio = tiny_vocoder(), low_noise()
    vocoder.save_pretrained(tmp_path)
    loaded = BandwidthExtensionVocoder.from_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded(None, audio, 6_000), vocoder(None, audio, 6_000))
        # In half precision the network rounds, the spectra don't.
        half = BandwidthExtensionVocoder.from_pretrained(tmp_path, torch_dtype=torch.bfloat16)(None, audio, 6_000)
        assert torch.allclose(half, loaded(None, audio, 6_000), atol=0.05)


def test_frames_that_do_not_fit_the_mel_s_are_refused():
    with pytest.raises(ValueError, match="hop_length=256 has to divide mel_hop_length=480"):
        BandwidthExtensionVocoder(hop_length=256, hidden_size=16, intermediate_size=16, num_layers=1)
