"""From a mel spectrogram to the waveform."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.dsp.low_band import replace_low_mel
from audiosr_pipeline.dsp.normalization import apply_gain
from audiosr_pipeline.dsp.temporal_envelope import follow_envelope
from audiosr_pipeline.dsp.windows import Window
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.pipelines.latent_grid import LatentGrid
from audiosr_pipeline.pipelines.onednn import OneDNN
from audiosr_pipeline.pipelines.prepared_clip import PreparedClip

# A vocoder hears less far than the UNet: longer windows would only take memory.
VOCODER_FRAMES = 64


@torch.no_grad()
def vocode(
    mel: Tensor,
    prepared: PreparedClip,
    vocoder: Any,
    feature_extractor: MelFeatureExtractor,
    grid: LatentGrid,
    progress: Any,
) -> np.ndarray:
    """A mel spectrogram, its low band replaced by the input's, to a waveform at the input's level.

    Args:
        mel: Generated log-mel, shaped as `prepared.mel`.
        prepared: The clip that it belongs to.
        vocoder: See `AudioSRPipeline`.
        feature_extractor: Whose mel spectrograms the vocoder takes.
        grid: Of the networks.
        progress: A bar that is moved on by a window.

    Returns:
        `(channels, num_samples)`, float32.

    Raises:
        ValueError: If the vocoder makes another number of samples of a frame than the feature extractor's hop.
    """
    assert prepared.mel is not None and prepared.gain is not None and prepared.components is not None
    scale, frame_samples = grid.scale, grid.frame_samples
    input_mel, cutoff_freq = prepared.mel, prepared.inspection.cutoff_freq
    num_samples, components = prepared.audio.shape[-1], prepared.components
    rate = feature_extractor.sampling_rate

    def vocoded(window: Window) -> Tensor:
        frames = slice(window.start * scale, window.stop * scale)
        # Window by window: of ten minutes of stereo, a copy of the mel spectrogram takes 120 MB.
        own = input_mel[:, :, frames].to(mel.device)
        replaced = replace_low_mel(mel[:, :, frames], own, cutoff_freq, feature_extractor.mel_edges)
        # Where windows overlap they need the same noise.
        given = {"first_frame": frames.start} if isinstance(vocoder, ISTFTVocoder) else {}
        with OneDNN():
            audio = vocoder(replaced[:, 0].to(vocoder.dtype), **given)
        needed = (window.stop - window.start) * frame_samples
        # Some vocoders make some samples more of the last frame.
        if not 0 <= audio.shape[-1] - needed < frame_samples:
            raise ValueError(
                f"the vocoder makes {audio.shape[-1]} samples of {replaced.shape[2]} frames; needed are "
                f"{grid.hop_length} each, the feature extractor's hop_length: load the vocoder that belongs "
                "to this model."
            )
        progress.update()
        return audio[:, :needed].float().cpu()

    audio = grid.in_windows(vocoded, mel.shape[2] // scale, frame_samples, VOCODER_FRAMES).numpy()
    apply_gain(audio, 1 / prepared.gain)
    audio = audio[:, grid.margin_samples : grid.margin_samples + num_samples]
    for row, component in enumerate(audio):
        own = components.component(prepared.audio, row)
        follow_envelope(component, own, prepared.inspection.bandwidth, rate)
    return components.mix(audio)
