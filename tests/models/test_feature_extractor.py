"""The mel front end, against librosa's."""

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosr_pipeline.models.feature_extractor import BLOCK_FRAMES, MelFeatureExtractor
from tests.signals import music_like, noise, speech_like, tone

EXTRACTOR = MelFeatureExtractor()


def mel_by_librosa(audio: np.ndarray) -> np.ndarray:
    """Log-mel `(num_frames, 256)` of one waveform, padded by hand, in double precision."""
    padded = np.pad(audio.astype(np.float64), 784, mode="reflect")
    magnitude = np.abs(librosa.stft(padded, n_fft=2_048, hop_length=480, window="hann", center=False))
    bank = librosa.filters.mel(sr=48_000, n_fft=2_048, n_mels=256, fmin=20, fmax=24_000, htk=False, norm="slaney")
    return np.log(np.maximum(bank @ magnitude, 1e-5)).T


@pytest.mark.parametrize("audio", [noise(0.5), speech_like(0.5), music_like(0.5), tone(1_000, 0.5)])
def test_agrees_with_librosa(audio):
    mel = EXTRACTOR(torch.from_numpy(audio))
    expected = mel_by_librosa(audio[0])
    assert mel.shape == (1, 1, 50, 256)
    # Float32: 1e-6 of the loudest bin leaks into the others, where the floor of 1e-5 is near.
    loud = expected > np.log(1e-3)
    assert np.abs(mel[0, 0].numpy() - expected)[loud].max() < 1e-3
    assert np.abs(mel[0, 0].numpy() - expected).max() < 0.1


@settings(max_examples=30, deadline=None)
@given(num_samples=st.integers(785, 10_000), batch_size=st.integers(1, 3))
def test_one_frame_per_whole_hop(num_samples, batch_size):
    audio = torch.randn(batch_size, num_samples, generator=torch.Generator().manual_seed(num_samples))
    mel = EXTRACTOR(audio)
    assert mel.shape == (batch_size, 1, num_samples // 480, 256)
    assert mel.isfinite().all()
    for index in range(batch_size):
        # Batched and single FFTs may round differently.
        assert torch.allclose(EXTRACTOR(audio[index, None])[0], mel[index], atol=1e-4)


def test_frames_are_not_centred():
    """Frame i is centred on the middle of hop i, not on its first sample."""
    for index in (3, 10):
        audio = torch.zeros(1, 9_600)
        audio[0, index * 480 + 240] = 1
        # The Hann window has its maximum there.
        level = EXTRACTOR(audio)[0, 0].mean(-1)
        assert int(level.argmax()) == index
        assert float(level[index - 1]) == pytest.approx(float(level[index + 1]), abs=1e-3)


def test_silence_is_the_floor():
    mel = EXTRACTOR(torch.zeros(1, 4_800))
    assert (mel == EXTRACTOR.log_floor).all()
    assert pytest.approx(np.log(1e-5), abs=1e-6) == EXTRACTOR.log_floor


def test_doubling_the_level_adds_log_2():
    audio = torch.from_numpy(noise(0.2))
    # Above the floor everywhere: white noise.
    assert torch.allclose(EXTRACTOR(2 * audio), EXTRACTOR(audio) + np.log(2), atol=1e-4)


@pytest.mark.parametrize("frequency", [200, 1_000, 5_000, 20_000])
def test_a_tone_is_loudest_in_the_bin_whose_triangle_holds_it(frequency):
    loudest = int(EXTRACTOR(torch.from_numpy(tone(frequency, 0.2)))[0, 0, 10].argmax())
    # To an STFT bin, 23 Hz.
    assert EXTRACTOR.mel_edges[loudest - 2] - 24 < frequency < EXTRACTOR.mel_edges[loudest] + 24


def test_edges_are_where_the_filters_end():
    edges, filters = EXTRACTOR.mel_edges, EXTRACTOR.mel_filters
    assert edges.shape == (256,) and (np.diff(edges) > 0).all()
    assert edges[-1] == pytest.approx(24_000)
    frequencies = np.linspace(0, 24_000, 1_025)
    for index in range(2, 256):
        reached = frequencies[filters[:, index].numpy() > 0]
        assert edges[index - 2] <= reached.min() and reached.max() <= edges[index]
        # STFT bins are 23 Hz apart.
        assert reached.max() > edges[index] - 24


# Whole blocks; a last block of one frame, whose padding begins in the block before; and several blocks.
@pytest.mark.parametrize("num_samples", [BLOCK_FRAMES * 480, BLOCK_FRAMES * 480 + 480, BLOCK_FRAMES * 480 * 5 // 2 + 7])
def test_blocks_do_not_show(num_samples, monkeypatch):
    audio = torch.from_numpy(noise(num_samples / 48_000))
    mel = EXTRACTOR(audio)
    assert mel.shape[2] == num_samples // 480 >= BLOCK_FRAMES
    monkeypatch.setattr("audiosr_pipeline.models.feature_extractor.BLOCK_FRAMES", 1_000_000)
    assert torch.allclose(mel, EXTRACTOR(audio), atol=1e-4)


def test_saved_and_loaded_it_is_the_same(tmp_path):
    extractor = MelFeatureExtractor(n_mels=80, hop_length=512, f_max=16_000.0, floor=1e-4, peak=0.9)
    extractor.save_pretrained(tmp_path)
    loaded = MelFeatureExtractor.from_pretrained(tmp_path)
    assert loaded.to_dict() == extractor.to_dict()
    assert loaded.peak == 0.9
    audio = torch.from_numpy(noise(0.2))
    assert torch.equal(loaded(audio), extractor(audio))
