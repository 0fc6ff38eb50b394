"""The pipeline with stated seeds, and with another clip's condition: how much of its output either decides."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import SAMPLING_RATE
from audiosr_pipeline.pipelines.inputs import load_clips
from benchmarks.baselines.systems import Output, System
from benchmarks.data.entries import Entry


class Seeded:
    """A system that begins with a seed of the clip's, whatever generator it is given.

    Args:
        system: Any system.
        seeds: By the entry's name.
    """

    def __init__(self, system: System, seeds: Mapping[str, int]):
        self.system, self.seeds = system, seeds
        self._last: tuple[str, Any] = ("", None)

    def __call__(
        self, audio: Mapping[str, Any], sampling_rate: int | None = None, generator: torch.Generator | None = None
    ) -> Any:
        """What the system makes of an entry, by a generator of the entry's own seed."""
        name = audio["name"]
        self._last = name, self.system(audio, generator=torch.Generator().manual_seed(self.seeds[name]))
        return self._last[1]

    def again(self, audio: Mapping[str, Any]) -> Any:
        """What it makes of a clip; if that is the clip of the last call, what it made."""
        name, out = self._last
        return out if name == audio["name"] else self(audio)


class AnotherCondition:
    """The pipeline, but all that its networks are given is of another clip; the low band is the clip's own, as always.

    The other's mel spectrogram is repeated or cut to the clip's channels and length.

    Args:
        pipe: AudioSR.
        others: The other entry, by the entry's name.
    """

    def __init__(self, pipe: AudioSRPipeline, others: Mapping[str, Entry]):
        self.pipe, self.others = pipe, others

    def __call__(self, audio: Mapping[str, Any], generator: torch.Generator) -> Output:
        """What is made of an entry with the other entry's mel spectrogram."""
        return Output([self.enhance(audio, self.others[audio["name"]].read(), generator)])

    def enhance(self, item: Mapping[str, Any], other: Mapping[str, Any], generator: torch.Generator) -> np.ndarray:
        """The pipeline's own steps, one by one: its output for `item["audio"]`, `(channels, num_samples)`."""
        pipe = self.pipe
        prepared, foreign = (pipe.preprocess(clip) for part in (item, other) for clip in load_clips(part, None))
        if prepared.mel is None or foreign.mel is None:
            return resample(item["audio"], item["sampling_rate"], SAMPLING_RATE)
        foreign_rows, _, foreign_frames, _ = foreign.mel.shape
        rows, _, frames, _ = prepared.mel.shape
        mel = foreign.mel[torch.arange(rows) % foreign_rows][:, :, torch.arange(frames) % foreign_frames]
        foreign = replace(prepared, mel=mel)
        condition = pipe.encode(mel)
        pipe.scheduler.set_timesteps(pipe.config.default_num_inference_steps)
        noise = pipe.prepare_latents(condition.shape[2], generator)
        guidance_scale, eta = pipe.config.default_guidance_scale, pipe.config.default_eta
        (latents,) = pipe.denoise([noise], [condition], guidance_scale, eta, [generator])
        waveform = pipe.vocode(pipe.adjust(pipe.decode(latents), foreign), foreign)
        return pipe.replace_low_band(waveform, prepared).audio


def output_difference(first: Any, second: Any, cutoff_freq: float) -> tuple[float, float]:
    """How much two outputs of the pipeline for one clip differ in the new band and below the cutoff, in dB.

    The new band's difference is relative to the first's new band, +3 dB for independent signals of one level; that
    below the cutoff is relative to the first there. NaN where the first is empty; no difference at all is -200 dB.
    """
    band, other_band = first.generated[0], second.generated[0]
    low = lowpass(first.audios[0], cutoff_freq)
    low_change = lowpass(first.audios[0] - second.audios[0], cutoff_freq)
    above, below = (
        20 * math.log10(max(_rms(difference) / _rms(whole), 1e-10)) if _rms(whole) > 0 else math.nan
        for difference, whole in ((band - other_band, band), (low_change, low))
    )
    return above, below


def _rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
