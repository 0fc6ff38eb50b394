"""What is one sound in the input's channels is one sound in the new band."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.channels import find_components
from tests.signals import noise, speech_like


def test_mono_is_its_own_component():
    audio = noise(0.5)
    components = find_components(audio, 8_000)
    assert components.mixing.tolist() == [[1.0]]
    assert (components.component(audio, 0) == audio[0]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_copies_are_one_component_whatever_their_sign(sign):
    voice = noise(0.5)[0]
    audio = np.stack([voice, sign * voice, noise(0.5, seed=1)[0], voice])
    components = find_components(audio, 8_000)
    assert components.mixing.tolist() == [[1, 0], [sign, 0], [0, 1], [1, 0]]
    assert (components.component(audio, 0) == voice).all()
    mixed = components.mix(np.stack([voice, audio[2]]))
    assert (mixed == audio).all()


@pytest.mark.parametrize("right", [1.0, -1.0, 0.5, -0.25])
def test_a_voice_with_a_trace_of_noise_in_one_channel_is_one_sound_and_a_trace(right):
    voice = speech_like(2.0)[0]
    trace = 1e-3 * noise(2.0)[0]
    audio = np.stack([voice, right * voice + trace])
    components = find_components(audio, 8_000)
    assert components.mixing.shape == (2, 2)
    # The voice is at the level of the left channel, and has its place.
    assert components.mixing[:, 0] == pytest.approx([1, right], abs=0.01)
    parts = np.stack([components.component(audio, index) for index in range(2)])
    assert np.abs(parts[1]).max() < 0.01 * np.abs(parts[0]).max()
    # Nothing is lost.
    assert components.mix(parts) == pytest.approx(audio, abs=1e-6)


def test_proportional_channels_are_one_component_without_a_rest():
    voice = speech_like(1.0)[0]
    components = find_components(np.stack([0.5 * voice, voice]), 8_000)
    assert components.mixing == pytest.approx(np.array([[0.5], [1.0]]), abs=1e-4)


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.8])
def test_channels_with_much_of_their_own_stay_apart(shared):
    """Their correlation is shared^2 / (shared^2 + 1 - shared^2)."""
    common, left, right = (noise(1.0, seed=seed)[0] for seed in range(3))
    own = np.sqrt(1 - shared**2)
    audio = np.stack([shared * common + own * left, shared * common + own * right])
    assert find_components(audio, 8_000).mixing.tolist() == [[1, 0], [0, 1]]


def test_a_shared_bass_does_not_make_one_sound_of_two():
    """The correlation counts where the new band begins."""
    bass = 5 * np.sin(2 * np.pi * 80 * np.arange(48_000) / 48_000).astype(np.float32)
    audio = np.stack([bass + noise(1.0, seed=seed)[0] for seed in range(2)])
    assert np.corrcoef(audio)[0, 1] > 0.99
    assert find_components(audio, 8_000).mixing.tolist() == [[1, 0], [0, 1]]


def test_silent_channels_are_components():
    audio = np.concatenate([noise(0.5), np.zeros((1, 24_000), np.float32)])
    assert find_components(audio, 8_000).mixing.tolist() == [[1, 0], [0, 1]]


def test_a_clip_of_one_sample():
    assert find_components(np.array([[0.5], [0.1]], np.float32), 8_000).mixing.shape[0] == 2
