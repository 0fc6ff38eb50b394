"""A clip as the networks are given it: resampled, low-passed, normalised, as a mel spectrogram."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.dsp.channels import Components, find_components
from audiosr_pipeline.dsp.continuation import continue_sound
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.normalization import apply_gain, local_gain
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.pipelines.inputs import Clip
from audiosr_pipeline.pipelines.inspection import Inspection, inspect_clip
from audiosr_pipeline.pipelines.latent_grid import LatentGrid

# How far resampling hears.
RESAMPLER_S = 0.01


@dataclass(frozen=True)
class PreparedClip:
    """A clip ready for the model.

    Args:
        clip: As it came.
        audio: At 48 kHz, `(channels, num_samples)`, level untouched.
        inspection: Its two frequencies and what to do with it.
        gain: Factors that normalise its local peak, see `local_gain`; None if nothing is to be generated.
        components: The sounds that its channels are made of; None if nothing is to be generated.
        mel: Log-mel of the normalised, low-passed audio, `(rows, 1, num_frames, n_mels)`, a row for each component;
            None if nothing is to be generated.
    """

    clip: Clip
    audio: np.ndarray
    inspection: Inspection
    gain: np.ndarray | None = None
    components: Components | None = None
    mel: Tensor | None = None


def prepare_clip(
    clip: Clip,
    feature_extractor: MelFeatureExtractor,
    grid: LatentGrid,
    cutoff_freq: float | None = None,
    on_full_band: str = "skip",
) -> PreparedClip:
    """Resamples a clip, finds its cutoff, low-passes it, normalises its local peak, takes its mel spectrogram.

    Args:
        clip: The clip.
        feature_extractor: Log-mel front end; its rate is the result's.
        grid: Of the networks.
        cutoff_freq: See `inspect_clip`.
        on_full_band: See `inspect_clip`.

    Raises:
        ValueError: See `inspect_clip`.
    """
    sampling_rate = feature_extractor.sampling_rate
    audio = resample(clip.audio, clip.sampling_rate, sampling_rate)
    inspection = inspect_clip(clip, audio, cutoff_freq, on_full_band)
    if inspection.action != "enhanced":
        return PreparedClip(clip, audio, inspection)
    components = find_components(audio, inspection.cutoff_freq, sampling_rate)
    continued = continued_components(clip, components, audio.shape[-1], grid, sampling_rate)
    gain = local_gain(continued, feature_extractor.peak, sampling_rate)
    # One after another: the waveforms in between take 230 MB for ten minutes of stereo.
    rows = (lowpassed(component, inspection.cutoff_freq, gain, sampling_rate) for component in continued)
    return PreparedClip(clip, audio, inspection, gain, components, torch.cat([feature_extractor(row) for row in rows]))


def continued_components(
    clip: Clip, components: Components, num_samples: int, grid: LatentGrid, sampling_rate: int
) -> np.ndarray:
    """A clip's components at the networks' rate, centred, without abrupt ends, with margins.

    What stops is continued at the clip's own rate: resampling makes an end that is cut off ring. And it is continued
    component by component: where one channel is digitally silent and another is not, what is made to fill the silence
    would be heard in both.

    Args:
        clip: The clip.
        components: Its components.
        num_samples: Its length at the networks' rate.
        grid: Of the networks.
        sampling_rate: Theirs, in Hz.

    Returns:
        `(components, grid.padded_length(num_samples))`.
    """
    num_samples = grid.padded_length(num_samples)
    # As many samples before the clip as are whole samples at both rates.
    divisor = math.gcd(clip.sampling_rate, sampling_rate)
    step = clip.sampling_rate // divisor
    num_steps = math.ceil((grid.margin_samples / sampling_rate + RESAMPLER_S) * clip.sampling_rate / step)
    last = math.ceil((num_samples / sampling_rate + RESAMPLER_S) * clip.sampling_rate)
    audio = np.stack([components.component(clip.audio, index) for index in range(len(components.unmixing))])
    continued = continue_sound(audio, num_steps * step, last - audio.shape[-1], clip.sampling_rate)
    continued -= audio.mean(-1, keepdims=True)
    first = num_steps * sampling_rate // divisor - grid.margin_samples
    return resample(continued, clip.sampling_rate, sampling_rate)[:, first : first + num_samples]


def lowpassed(component: np.ndarray, cutoff_freq: float, gain: np.ndarray, sampling_rate: int) -> Tensor:
    """What the networks are given of a component `(num_samples,)`, low-passed and normalised: `(1, num_samples)`."""
    filtered = lowpass(component[None], cutoff_freq, sampling_rate)
    apply_gain(filtered, gain)
    return torch.from_numpy(filtered)
