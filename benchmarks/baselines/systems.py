"""The systems of the table. All have the pipeline's call, so that the table is a loop.

What the loop hands them is a dict, a form of audio that the pipeline takes too: `audio` and `sampling_rate`. What only
looks like a system needs more of it (`benchmarks.data.entries` has all of it): GT-Mel, `TrueStage` and `TrueLevels` the
true recording at 48 kHz, `reference`; noise (`benchmarks.baselines.noise`) the cutoff, `cutoff_freq`; stored outputs
`name`, or `outputs`, by which they are found.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ModelMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn
from torch.nn.functional import interpolate
from typing_extensions import override

from audiosr_pipeline import AudioSRPipeline, StreamingAudioSR
from audiosr_pipeline.dsp.low_band import num_low_mels, replace_low_mel
from audiosr_pipeline.dsp.normalization import apply_gain
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.dsp.silence import SILENCE_LEVEL
from audiosr_pipeline.dsp.windows import merge_windows, split_windows
from audiosr_pipeline.evaluate import named_files, read_at_48_khz
from audiosr_pipeline.models.streaming_extension import StreamingExtension
from audiosr_pipeline.pipelines.inputs import Clip, load_clips
from audiosr_pipeline.pipelines.prepared_clip import PreparedClip
from audiosr_pipeline.streaming.loading import load_extension
from benchmarks.baselines.nu_wave import NUWave, sampling_scheduler
from benchmarks.baselines.nvsr import FRAME_MULTIPLE, NVSRDNN, NVSRResUNet

SAMPLING_RATE = 48_000
PEAK = 0.5
# In frames. A UNet's reach has no end in practice; half of an overlap is one of its coarsest frames.
MEL_WINDOW, MEL_OVERLAP, MEL_FADE = 1_024, 2 * FRAME_MULTIPLE, 16
# In hundredths of a second. The published network reaches 64 ms to each side, less than an overlap's margins.
NU_WAVE_WINDOW, NU_WAVE_OVERLAP, NU_WAVE_FADE, HUNDREDTH = 256, 16, 2, 480
# Mel bins of the bands that have true levels; frames that are fainter than the loudest by more, 60 dB in nepers, are
# pauses.
BAND_MELS, PAUSE_DEPTH = 8, 6.9

System = Callable[..., Any]
NETWORKS: dict[str, type[ModelMixin]] = {network.__name__: network for network in (NVSRDNN, NVSRResUNet, NUWave)}


class NoOutputError(LookupError):
    """There is no stored output of a clip."""


@dataclass(frozen=True)
class Output:
    """What the systems here give: clips in the form that they came in, float32, at 48 kHz."""

    audios: list[np.ndarray]
    sampling_rate: int = SAMPLING_RATE


class ClipSystem(ABC):
    """A system that takes one clip after another; arguments and errors as the pipeline's."""

    def __call__(
        self, audio: Any, sampling_rate: int | None = None, generator: torch.Generator | None = None
    ) -> Output:
        """What `enhance` makes of each clip, in the form that it came in."""
        outputs = []
        for clip in load_clips(audio, sampling_rate):
            enhanced = self.enhance(clip, generator)
            outputs.append(enhanced[0] if clip.is_flat else enhanced)
        return Output(outputs)

    @abstractmethod
    def enhance(self, clip: Clip, generator: torch.Generator | None) -> np.ndarray:
        """The clip's channels at 48 kHz, `(channels, num_samples)`, float32."""


class ItemSystem(ABC):
    """What only looks like a system: it needs more of what the loop hands over than the audio."""

    def __call__(
        self, audio: Mapping[str, Any], sampling_rate: int | None = None, generator: torch.Generator | None = None
    ) -> Output:
        """The output of what the loop hands over, at 48 kHz."""
        return Output([self.output_of(audio)])

    @abstractmethod
    def output_of(self, item: Mapping[str, Any]) -> np.ndarray:
        """Its output at 48 kHz, `(channels, num_samples)`, float32."""


class Unprocessed(ClipSystem):
    """The input, resampled."""

    @override
    def enhance(self, clip: Clip, generator: torch.Generator | None) -> np.ndarray:
        return resample(clip.audio, clip.sampling_rate, SAMPLING_RATE)


class MelPredictor(ClipSystem):
    """A network that predicts the mel spectrogram, in place of AudioSR's latent diffusion.

    All else is the pipeline's: how the cutoff is found, the vocoder, and the low band of the mel spectrogram and of the
    waveform, which are the input's. What is full band or silent is left alone, as it is there.

    Args:
        network: Log-mel of the low-passed input to that of the full band, both `(rows, 1, num_frames, n_mels)`.
        pipe: AudioSR, whose vocoder is used.
    """

    def __init__(self, network: nn.Module, pipe: AudioSRPipeline):
        self.network, self.pipe = network.eval(), pipe

    @override
    def enhance(self, clip: Clip, generator: torch.Generator | None) -> np.ndarray:
        prepared = self.pipe.preprocess(clip)
        waveform = None if prepared.mel is None else self.pipe.vocode(self.predict(prepared.mel), prepared)
        return self.pipe.replace_low_band(waveform, prepared).audio

    @torch.no_grad()
    def predict(self, mel: Tensor) -> Tensor:
        """The network's mel spectrogram, in windows where it is long."""
        windows = split_windows(mel.shape[2], MEL_WINDOW, MEL_OVERLAP)
        return merge_windows((self.network(mel[:, :, w.start : w.stop]) for w in windows), windows, MEL_FADE)


class GTMel(ItemSystem):
    """The true mel spectrogram through the vocoder: what is lost there, whatever predicts the mel spectrogram.

    Nothing is taken from the input, as in the paper, whose figures are the same for all cutoffs.
    """

    def __init__(self, pipe: AudioSRPipeline):
        self.pipe = pipe

    def output_of(self, item: Mapping[str, Any]) -> np.ndarray:
        """Resynthesises `item["reference"]`, `(channels, num_samples)` at 48 kHz."""
        clip = Clip(_reference_of(item, "GT-Mel"), SAMPLING_RATE, is_flat=False)
        # With everything below the cutoff nothing is low-passed, and the mel spectrogram is that of the whole band.
        prepared = self.pipe.preprocess(clip, cutoff_freq=SAMPLING_RATE / 2)
        return clip.audio if prepared.mel is None else self.pipe.vocode(prepared.mel, prepared)


class TrueStage(ItemSystem):
    """The pipeline with the truth in place of what its UNet makes: what the stages behind the UNet lose by themselves.

    Unlike GT-Mel it has the input's low band, as the pipeline's outputs have. A clip that the pipeline leaves alone is
    left alone here too.

    Args:
        pipe: AudioSR.
        through_autoencoder: Whether the autoencoder encodes and decodes the true mel spectrogram, before the vocoder.
    """

    def __init__(self, pipe: AudioSRPipeline, through_autoencoder: bool):
        self.pipe = pipe
        self.through_autoencoder = through_autoencoder

    def output_of(self, item: Mapping[str, Any]) -> np.ndarray:
        """Enhances `item["audio"]`, with the highs of `item["reference"]`."""
        reference = _reference_of(item, "a true stage")
        (clip,) = load_clips(item, None)
        prepared = self.pipe.preprocess(clip)
        waveform = None
        if prepared.mel is not None:
            mel = _true_mel(self.pipe, prepared, reference)
            if self.through_autoencoder:
                mel = self.pipe.decode(self.pipe.encode(mel))
            waveform = self.pipe.vocode(mel, prepared)
        return self.pipe.replace_low_band(waveform, prepared).audio


class TrueLevels:
    """The pipeline with the truth's levels in place of those that its predictor expects.

    What its UNet makes keeps its course and its detail, but in each band the mean level over the clip is the truth's:
    what is lost besides isn't the levels'.

    Args:
        pipe: AudioSR.
    """

    def __init__(self, pipe: AudioSRPipeline):
        self.pipe = _TrueLevelsPipeline(**{**pipe.components, "envelope_predictor": None}, **pipe.parameters)
        self.pipe.set_progress_bar_config(disable=True)

    def __call__(
        self, audio: Mapping[str, Any], sampling_rate: int | None = None, generator: torch.Generator | None = None
    ) -> Any:
        """What the pipeline makes of an entry, whose `reference` has the true levels."""
        self.pipe.reference = _reference_of(audio, "True levels")
        return self.pipe(audio, sampling_rate, generator=generator)


class _TrueLevelsPipeline(AudioSRPipeline):
    """Levels what comes to the vocoder; `reference` is the clip's true recording."""

    reference: np.ndarray

    @torch.no_grad()
    def vocode(self, mel: Tensor, prepared: PreparedClip) -> np.ndarray:
        assert prepared.mel is not None
        cutoff_freq, edges = prepared.inspection.cutoff_freq, self.feature_extractor.mel_edges
        joined = replace_low_mel(mel, prepared.mel, cutoff_freq, edges)
        true = _true_mel(self, prepared, self.reference)
        log_floor = self.feature_extractor.log_floor
        # One gain for all channels.
        change = (_band_levels(true, log_floor) - _band_levels(joined, log_floor)).mean(0, keepdim=True)
        # Below the first band above the cutoff it is that band's.
        first = num_low_mels(cutoff_freq, edges) // BAND_MELS
        change[:, :first] = change[:, first, None]
        return super().vocode(mel + interpolate(change[:, None], mel.shape[-1], mode="linear")[:, None], prepared)


def _band_levels(mel: Tensor, log_floor: float) -> Tensor:
    """Mean level of each band of mel bins `(rows, band)`, over the frames that aren't pauses; of silence, over all.

    Those are the frames whose level in the lowest quarter of the bins is within 60 dB of the loudest.
    """
    found = []
    for row in mel[:, 0]:
        level = (2 * row[:, : row.shape[1] // 4]).exp().mean(-1).log() / 2
        sounding = (level > level.max() - PAUSE_DEPTH) & (level > log_floor + 1e-3)
        found.append(row[sounding | ~sounding.any()].unflatten(-1, (-1, BAND_MELS)).mean((0, 2)))
    return torch.stack(found)


def _true_mel(pipe: AudioSRPipeline, prepared: PreparedClip, reference: np.ndarray) -> Tensor:
    """The true recording's mel spectrogram at the gain that a clip was prepared with, shaped as `prepared.mel`."""
    assert prepared.mel is not None and prepared.gain is not None and prepared.components is not None
    centred = reference - reference.mean(-1, keepdims=True)
    parts = np.stack([prepared.components.component(centred, row) for row in range(len(prepared.mel))])
    num_after = prepared.mel.shape[2] * pipe.feature_extractor.hop_length - pipe.grid.margin_samples - parts.shape[-1]
    true = np.pad(parts, ((0, 0), (pipe.grid.margin_samples, num_after)), "symmetric")
    apply_gain(true, prepared.gain)
    return pipe.feature_extractor(torch.from_numpy(true))


def _reference_of(item: Any, name: str) -> np.ndarray:
    """The true recording `(channels, num_samples)` at 48 kHz, of what the loop hands over."""
    if not isinstance(item, Mapping) or "reference" not in item:
        raise ValueError(f"{name} needs the true recording: pass a dict that has it as 'reference'.")
    return item["reference"]


class NUWaveSystem(ClipSystem):
    """NU-Wave: eight steps of ancestral sampling from noise, which all channels share. Its low band is its own too."""

    def __init__(self, network: NUWave):
        self.network = network.eval()

    @override
    def enhance(self, clip: Clip, generator: torch.Generator | None) -> np.ndarray:
        audio = resample(clip.audio, clip.sampling_rate, SAMPLING_RATE)
        peak = float(np.abs(audio).max())
        if peak < SILENCE_LEVEL:
            return audio
        num_samples = audio.shape[-1]
        condition = nn.functional.pad(torch.from_numpy(PEAK / peak * audio), (0, -num_samples % HUNDREDTH))
        generated = self.sample(condition, generator)[:, :num_samples]
        return (generated * (peak / PEAK)).numpy()

    @torch.no_grad()
    def sample(self, condition: Tensor, generator: torch.Generator | None) -> Tensor:
        """Waveforms of the full band for low-passed ones `(channels, num_samples)`, in whole hundredths of a second."""
        windows = split_windows(condition.shape[-1] // HUNDREDTH, NU_WAVE_WINDOW, NU_WAVE_OVERLAP)
        places = [slice(window.start * HUNDREDTH, window.stop * HUNDREDTH) for window in windows]
        # A copy for each channel, so that they share the noise: no panning is invented.
        seed = int(torch.randint(2**31, (), generator=generator))
        rows = [torch.Generator().manual_seed(seed) for _ in condition]
        sample = randn_tensor(condition.shape, generator=rows)
        scheduler = sampling_scheduler()

        def predictions(level: Tensor) -> Iterator[Tensor]:
            for place in places:
                yield self.network(sample[:, place], condition[:, place], level)

        for step in scheduler.timesteps:
            level = scheduler.alphas_cumprod[step].sqrt().expand(len(condition))
            noise = merge_windows(predictions(level), windows, NU_WAVE_FADE, HUNDREDTH, dim=-1)
            sample = scheduler.step(noise, step, sample, generator=rows).prev_sample
        return sample


class StreamSystem(ClipSystem):
    """`StreamingAudioSR`, its latency taken away. It finds the band edge itself, as in use.

    Args:
        folder: Of its network.
    """

    def __init__(self, folder: Path):
        self.network = load_extension(folder)

    @override
    def enhance(self, clip: Clip, generator: torch.Generator | None) -> np.ndarray:
        with StreamingAudioSR(self.network, clip.sampling_rate, len(clip.audio)) as stream:
            audio = np.concatenate([stream.push(clip.audio), stream.flush()], axis=1)
            return audio[:, stream.latency_samples :]


class StoredOutputs(ItemSystem):
    """What a program outside made of the inputs: read, not made.

    Args:
        path_of: The file for what the loop hands over; raises `NoOutputError` if there is none.
    """

    def __init__(self, path_of: Callable[[Mapping[str, Any]], Path]):
        self.path_of = path_of

    @override
    def output_of(self, item: Mapping[str, Any]) -> np.ndarray:
        return read_at_48_khz(self.path_of(item))


def outputs_in(folder: Path | str) -> StoredOutputs:
    """The outputs in a folder, each at its input's `name` (`python -m benchmarks.data.export` writes the inputs so).

    Raises:
        As `named_files`.
    """
    files = named_files(folder)

    def path_of(item: Mapping[str, Any]) -> Path:
        if item["name"] not in files:
            raise NoOutputError(f"{folder} has no {item['name']} of any audio format.")
        return files[item["name"]]

    return StoredOutputs(path_of)


def outputs_of(role: str) -> StoredOutputs:
    """What a demo page has of one of its systems."""

    def path_of(item: Mapping[str, Any]) -> Path:
        if role not in item["outputs"]:
            raise NoOutputError(f"{item['name']} has no output of {role}, but of {sorted(item['outputs'])}.")
        return item["outputs"][role]

    return StoredOutputs(path_of)


def load_system(source: str, pipe: AudioSRPipeline) -> System:
    """A system by what it is loaded from.

    Args:
        source: A folder of a trained baseline (`benchmarks.baselines.train`), of a streaming network, or of stored
            outputs; else a checkpoint of the pipeline, as `AudioSRPipeline.from_pretrained` takes it.
        pipe: AudioSR, whose vocoder the predictors of mel spectrograms get.

    Raises:
        As `named_files` and `AudioSRPipeline.from_pretrained`.
    """
    folder = Path(source)
    if (folder / "config.json").is_file():
        name = json.loads((folder / "config.json").read_text()).get("_class_name")
        if name == StreamingExtension.__name__:
            return StreamSystem(folder)
        if name not in NETWORKS:
            raise ValueError(f"{folder} holds a {name}; of the baselines there are {', '.join(NETWORKS)}.")
        network = NETWORKS[name].from_pretrained(folder)
        return NUWaveSystem(network) if isinstance(network, NUWave) else MelPredictor(network, pipe)
    if folder.is_dir() and not (folder / "model_index.json").is_file():
        return outputs_in(folder)
    return AudioSRPipeline.from_pretrained(source)
