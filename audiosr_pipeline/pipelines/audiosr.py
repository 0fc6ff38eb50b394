"""AudioSR (arXiv:2309.07314) as a diffusers pipeline."""

import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from diffusers import (
    AudioLDM2UNet2DConditionModel,
    AutoencoderDC,
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    SchedulerMixin,
)
from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from torch.nn.functional import avg_pool2d
from transformers import SpeechT5HifiGan

from audiosr_pipeline.convert.components import convert_checkpoint
from audiosr_pipeline.dsp.adjust_envelope import adjust_envelope
from audiosr_pipeline.dsp.channels import Components, find_components
from audiosr_pipeline.dsp.continuation import continue_sound
from audiosr_pipeline.dsp.envelope import limit_fall, limit_rise, match_splice
from audiosr_pipeline.dsp.limit_level import BLOCK_S, level_excess, lower
from audiosr_pipeline.dsp.low_band import (
    TRANSITION_HZ,
    join_bands,
    num_low_mels,
    replace_low_band,
    replace_low_mel,
    split_bands,
)
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.normalization import apply_gain, local_gain
from audiosr_pipeline.dsp.resample import resample, resampled_length
from audiosr_pipeline.dsp.silence import FADE_S, fade_ends, silence_gate
from audiosr_pipeline.dsp.temporal_envelope import follow_envelope
from audiosr_pipeline.dsp.windows import Window, merge_windows, split_windows
from audiosr_pipeline.models.bandwidth_extension import BandwidthExtensionVocoder
from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.pipelines.checks import (
    changed_latents,
    check_callback,
    check_latents,
    check_num_inference_steps,
    check_number,
    check_scheduler,
    is_finite,
    set_timesteps,
    takes,
)
from audiosr_pipeline.pipelines.generators import copy_generator, generators_per_clip, seed_of
from audiosr_pipeline.pipelines.inputs import Clip, load_clips
from audiosr_pipeline.pipelines.inspection import ON_FULL_BAND, Inspection, inspect_clip
from audiosr_pipeline.pipelines.loading import (
    check_chosen_files,
    check_files,
    check_finite_weights,
    check_vocoder_shapes,
    load_unet_weights,
)
from audiosr_pipeline.pipelines.onednn import OneDNN
from audiosr_pipeline.pipelines.outputs import AudioSRPipelineOutput, AudioSRReport, in_form
from audiosr_pipeline.pipelines.turns import in_turn

# diffusers downloads a model from the Hub only if it knows the module of each component (its issue 6563). No classes
# need be listed: ours derive from ones that it lists.
OWN_CLASSES = (MelFeatureExtractor, ISTFTVocoder, BandwidthExtensionVocoder, EnvelopePredictor)
LOADABLE_CLASSES.update({part.__module__: {} for part in OWN_CLASSES})

logger = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parents[1] / "weights"
# What the fine-tuned models of the package share.
BASE = "audiosr-mini"
# What the reference passes for "no condition", in latents before their scaling.
UNCONDITIONAL_LATENT = -11.4981
LOWEST_CUTOFF_FREQ = 1_000.0
OVERLAP_FRAMES, FADE_FRAMES = 16, 8
# A vocoder hears less far than the UNet: longer windows would only take memory.
VOCODER_FRAMES = 64
ROWS_PER_CALL = 4
# Latent frames before and after a clip: at the borders of what they see, networks make too little.
MARGIN_FRAMES = 1
# How far resampling hears.
RESAMPLER_S = 0.01
# -50 dB: what the low band may differ from the input.
LARGEST_ERROR = 1e-5
# Measured with another window it may be a little more: the fades are chosen for half of it.
AIMED_ERROR = LARGEST_ERROR / 2
# Above it, the new band is lowered.
TOLERATED_ERROR = LARGEST_ERROR / 1.4
LONGER_FADES_S = (0.01, 0.02, 0.04, 0.08)
# How sharply the low band is cut out to be measured.
MEASURED_TRANSITION_HZ = 10.0
# By how much a new band is lowered at most so that the low band is kept.
MOST_LOWERED_DB = 24.0
# And by how much less of the input's own is taken out above the band edge.
MOST_KEPT_DB = 6.0
MOST_EXCESS_DB = 30.0
# They are scaled to unit variance.
LARGEST_LATENT = 1_000.0
# Networks whose files were compared with them when they were loaded. What is done to them later is the user's affair.
_CHECKED: WeakSet[torch.nn.Module] = WeakSet()
PIPELINE_FILE = '''"""Lets `DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, ...)` find the class."""

from audiosr_pipeline import AudioSRPipeline

__all__ = ["AudioSRPipeline"]
'''


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


class AudioSRPipeline(DiffusionPipeline):
    """Audio super-resolution: any audio with 2-16 kHz of bandwidth to 48 kHz, what was there left untouched.

    Args:
        vae: Autoencoder of the log-mel spectrogram: `AutoencoderKL` or `AutoencoderDC`.
        unet: `AudioLDM2UNet2DConditionModel` that takes noisy and condition latents, concatenated, and predicts the
            velocity.
        vocoder: Called with mel `(batch, num_frames, n_mels)`, gives `(batch, num_samples)`: `SpeechT5HifiGan` or
            `ISTFTVocoder`; `BandwidthExtensionVocoder` is given the low-passed input too.
        feature_extractor: Log-mel front end.
        scheduler: Any diffusers scheduler for v-prediction.
        envelope_predictor: Says what mel spectrogram is to be expected above the cutoff; what is generated is moved
            towards it, frame by frame. None leaves it as the UNet makes it.
        default_num_inference_steps: Steps where a call names none.
        default_guidance_scale: Guidance scale where a call names none.
        default_eta: Eta where a call names none and the scheduler has a use for it.
        window_s: Length of the longest clip that the networks see whole, and about that of the windows in which they
            see longer ones, in seconds.
        level_patch: Side in latents of the patches in which the result's mean follows the UNet's first prediction: odd,
            or 0 for what the scheduler ends with, as published. The first prediction is made from noise alone, so it
            is the expected level; few steps of a small UNet wander about it, audible in steady sounds.
        level_predictions: First predictions whose mean gives the level, from pairs of a noise and its opposite. One
            should not depend on the noise, but a small UNet's does.
        level_guidance: Factor of the guidance scale in the first step, above 0. What is expected varies less than what
            comes: an expected fricative is too weak and an expected pause too loud. A factor above 1 makes up for that.
        detail_gain: Factor, above 0, of what differs from that level in the result: few steps of a small UNet make too
            little of it.

    Raises:
        ValueError: If `level_patch` is neither odd nor 0, `level_predictions` below 1, or `level_guidance` or
            `detail_gain` not above 0.
    """

    model_cpu_offload_seq = "unet->vae->envelope_predictor->vocoder"
    _optional_components = ["envelope_predictor"]
    _callback_tensor_inputs = ["latents"]

    def __init__(
        self,
        # `from_pipe` takes over a network only if its class stands here.
        vae: AutoencoderKL | AutoencoderDC,
        unet: AudioLDM2UNet2DConditionModel,
        vocoder: SpeechT5HifiGan | ISTFTVocoder | BandwidthExtensionVocoder,
        feature_extractor: MelFeatureExtractor,
        scheduler: SchedulerMixin,
        envelope_predictor: EnvelopePredictor | None = None,
        default_num_inference_steps: int = 50,
        default_guidance_scale: float = 3.5,
        default_eta: float = 1.0,
        window_s: float = 10.24,
        level_patch: int = 0,
        level_predictions: int = 1,
        level_guidance: float = 1.0,
        detail_gain: float = 1.0,
    ):
        if level_patch < 0 or (level_patch and level_patch % 2 == 0):
            raise ValueError(f"level_patch={level_patch}; accepted are 0 (none) and odd numbers of latents.")
        if level_predictions < 1:
            raise ValueError(f"level_predictions={level_predictions}; accepted are whole numbers from 1 on.")
        for name, factor in (("level_guidance", level_guidance), ("detail_gain", detail_gain)):
            if not 0 < factor < math.inf:
                raise ValueError(f"{name}={factor}; accepted are numbers above 0, 1 changes nothing.")
        check_number("default_eta", default_eta, lambda value: 0 <= value <= 1, "0 to 1")
        check_number("window_s", window_s, lambda value: value > 0, "seconds above 0")
        super().__init__()
        self.register_modules(
            vae=vae,
            unet=unet,
            vocoder=vocoder,
            feature_extractor=feature_extractor,
            scheduler=scheduler,
            envelope_predictor=envelope_predictor,
        )
        self.register_to_config(
            default_num_inference_steps=default_num_inference_steps,
            default_guidance_scale=default_guidance_scale,
            default_eta=default_eta,
            window_s=window_s,
            level_patch=level_patch,
            level_predictions=level_predictions,
            level_guidance=level_guidance,
            detail_gain=detail_gain,
        )
        check_finite_weights(self.components)
        self._interrupt = False
        self.sampling_rate = feature_extractor.sampling_rate if feature_extractor is not None else 48_000
        self.vae_scale_factor = 2 ** (len(vae.encoder.down_blocks) - 1) if vae is not None else 8
        self.frame_samples = self.vae_scale_factor * (feature_extractor.hop_length if feature_extractor else 480)
        self.margin_samples = MARGIN_FRAMES * self.frame_samples
        # The UNet halves time once per level but the last.
        self.frame_multiple = 2 ** (len(unet.config.block_out_channels) - 1) if unet is not None else 8
        # A clip of `window_s` fits into one window, with its margins.
        num_multiples = round(window_s * self.sampling_rate / self.frame_samples / self.frame_multiple)
        num_margins = math.ceil(2 * MARGIN_FRAMES / self.frame_multiple)
        self.window_frames = (max(1, num_multiples) + num_margins) * self.frame_multiple

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> "AudioSRPipeline":
        """Loads a pipeline: from a folder if there is one of that name, else a model that ships with the package
        ("audiosr-mini", "audiosr-mini-speech"), else from the Hub. Arguments as `DiffusionPipeline.from_pretrained`.

        Raises:
            ValueError: If a network's file lacks tensors, holds unknown ones, or such as are NaN or infinite, or of
                other shapes; the message names them.
        """
        name = str(pretrained_model_name_or_path)
        own = WEIGHTS / name
        if Path(name).is_dir() or not own.is_dir():
            return cls._load(name, **kwargs)
        if (own / "model_index.json").is_file():
            return cls._load(str(own), **kwargs)
        # Fine-tuned: the UNet's weights are its own, and some settings. Copied in, the weights take the dtype and the
        # device asked for.
        file = own / "settings.json"
        settings = json.loads(file.read_text()) if file.is_file() else {}
        pipe = cls._load(str(WEIGHTS / BASE), **{**settings, **kwargs})
        if "unet" not in kwargs:
            load_unet_weights(pipe.unet, own / "unet" / SAFETENSORS_WEIGHTS_NAME)
            check_finite_weights({"unet": pipe.unet})
        pipe.register_to_config(_name_or_path=str(own))
        return pipe

    @classmethod
    def _load(cls, name: str, **kwargs: Any) -> "AudioSRPipeline":
        """`DiffusionPipeline.from_pretrained`, with the errors of `from_pretrained`."""
        chosen = {"variant": kwargs.get("variant"), "use_safetensors": kwargs.get("use_safetensors")}
        try:
            pipe = super().from_pretrained(name, **kwargs)
        except RuntimeError as error:
            if "ignore_mismatched_sizes" in str(error):
                folder = Path(name if Path(name).is_dir() else cls.download(name, **kwargs))
                check_vocoder_shapes(folder / "vocoder", **chosen)
            raise
        check_chosen_files({part: network for part, network in pipe.components.items() if part not in kwargs}, **chosen)
        return pipe

    def register_to_config(self, **kwargs: Any) -> None:
        """As `ConfigMixin.register_to_config`; what was just loaded is checked.

        `DiffusionPipeline.from_pretrained`, by whose means pipelines are loaded without this class too, ends with
        telling the pipeline where it came from.

        Raises:
            ValueError: See `from_pretrained`.
        """
        super().register_to_config(**kwargs)
        if "_name_or_path" in kwargs:
            networks = {name: part for name, part in self.components.items() if isinstance(part, torch.nn.Module)}
            check_files({name: network for name, network in networks.items() if network not in _CHECKED})
            _CHECKED.update(networks.values())

    @classmethod
    def from_single_file(
        cls,
        path: str | Path,
        dtype: torch.dtype | None = None,
        torch_dtype: torch.dtype | None = None,
        **kwargs: Any,
    ) -> "AudioSRPipeline":
        """Loads the official checkpoint, converted in memory. What was found in it is logged.

        Args:
            path: `pytorch_model.bin` as published, or `.safetensors` with the same keys. It must not be changed while
                the pipeline is in use: weights stay in the file until they are needed.
            dtype: Of the networks; None is float32.
            torch_dtype: Its old name.
            **kwargs: Components and settings to use instead of the checkpoint's, as for the constructor.

        Raises:
            OSError: If the file can't be read.
            ValueError: If it isn't such a checkpoint; the message says what it is. If its weights are NaN or infinite.
        """
        components, report = convert_checkpoint(path, dtype or torch_dtype or torch.float32)
        logger.info("%s", report)
        for warning in report.warnings:
            logger.warning("%s: %s", path, warning)
        pipe = cls(**{**components, **kwargs})
        pipe.register_to_config(_name_or_path=str(path))
        return pipe

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        """Saves the pipeline, with a `pipeline.py` by which plain `DiffusionPipeline.from_pretrained` finds the class.

        Arguments as `DiffusionPipeline.save_pretrained`.
        """
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        # Before the rest: with `push_to_hub=True` the folder is uploaded as soon as that is saved.
        (Path(save_directory) / "pipeline.py").write_text(PIPELINE_FILE)
        super().save_pretrained(str(save_directory), **kwargs)

    @property
    def guidance_scale(self) -> float:
        """That of the current or last call; a callback may set `_guidance_scale` for the steps to come."""
        return self._guidance_scale

    @property
    def num_timesteps(self) -> int:
        """Denoising steps of the current or last call."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Set it to True in a callback to end denoising after the current step."""
        return self._interrupt

    @interrupt.setter
    def interrupt(self, value: bool) -> None:
        self._interrupt = value

    @in_turn
    @torch.no_grad()
    def __call__(
        self,
        audio: Any,
        sampling_rate: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        eta: float | None = None,
        cutoff_freq: float | None = None,
        on_full_band: str = "skip",
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: Callable[..., dict[str, Any]] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
    ) -> AudioSRPipelineOutput | tuple:
        """Takes audio to 48 kHz with 24 kHz of bandwidth (paper, figure 2).

        Clips of equal latent length are denoised together, others one group after another.

        Args:
            audio: One clip or several: a 1-D array or tensor; 2-D `(batch, num_samples)`; 3-D
                `(batch, channels, num_samples)`; a list of clips, each 1-D, `(channels, num_samples)` or a path; a
                path; a dict with `audio` and `sampling_rate`; an output object with `.audios`; or another form of
                `docs/adapters.md`. Floats in [-1, 1], or integers, which are scaled to that.
            sampling_rate: Rate of arrays in Hz, 4000-384000; files and dicts bring their own.
            num_inference_steps: Denoising steps, at least 1. None takes the checkpoint's `default_...`, here and below.
            guidance_scale: Weight of classifier-free guidance; 1 is none and half the work.
            eta: Noise added again in each step, 0-1; only for schedulers that take it (DDIM).
            cutoff_freq: Where the input's own band ends, in Hz; what lies above is replaced. None finds it. The paper's
                roll-off is `audiosr_pipeline.dsp.cutoff.find_cutoff`.
            on_full_band: For clips with content beyond 20 kHz: "skip" returns them resampled, "run" generates what is
                above their band edge, "error" raises.
            generator: One per clip in a list, or one for all: then clip i gets a generator seeded by its i-th draw,
                unless there is one clip. The same generators give the same audio.
            latents: Initial noise `(batch, latent_channels, num_latent_frames, n_mels / vae_scale_factor)`, which all
                clips must fit.
            output_type: "np" for arrays, "pt" for tensors on the CPU, "latent" for the denoised latents in place of the
                audio: tensors on the CPU, scaled as the UNet and `latents` are, so that 1-D clips of one length give
                what `latents` takes.
            return_dict: False returns the fields as a tuple.
            callback_on_step_end: Called as `callback(pipe, step, timestep, tensors)` after each step: a function, or
                diffusers' `PipelineCallback` or `MultiPipelineCallbacks`, whose `tensor_inputs` go before the next
                argument.
            callback_on_step_end_tensor_inputs: Names among `latents` that it gets and may return changed.

        Returns:
            `AudioSRPipelineOutput`: clips at 48 kHz, `round(num_samples * 48000 / sampling_rate)` samples each.

        Calls in several threads wait for each other.

        Raises:
            ValueError: If an argument can't be used; the message says what is accepted. If what is generated holds NaN
                or infinite values, or is by far too loud; the message names the settings that may be to blame.

        >>> pipe = AudioSRPipeline.from_pretrained("audiosr-mini")
        >>> out = pipe("speech.wav", generator=torch.Generator().manual_seed(0))
        """
        # 1. Inputs
        clips = load_clips(audio, sampling_rate)
        num_inference_steps = (
            self.config.default_num_inference_steps if num_inference_steps is None else num_inference_steps
        )
        guidance_scale = self.config.default_guidance_scale if guidance_scale is None else guidance_scale
        # diffusers' callback objects name the tensors themselves.
        tensor_inputs = getattr(callback_on_step_end, "tensor_inputs", callback_on_step_end_tensor_inputs)
        if tensor_inputs is None:
            tensor_inputs = ["latents"]
        self.check_inputs(
            clips,
            num_inference_steps,
            guidance_scale,
            eta,
            cutoff_freq,
            on_full_band,
            generator,
            latents,
            output_type,
            callback_on_step_end,
            tensor_inputs,
        )
        check_scheduler(self.scheduler)
        if eta is None:
            eta = self.config.default_eta if self._scheduler_takes("eta") else 0.0
        generators = generators_per_clip(generator, len(clips))
        # One generator that is listed for several clips is new for the first of them at most.
        is_own = [sum(other is each for other in generators) == 1 for each in generators]
        is_drawn = latents is None or (eta > 0 if self._scheduler_takes("eta") else self._scheduler_takes("generator"))
        seeds = [seed_of(each) if own and is_drawn else None for each, own in zip(generators, is_own, strict=True)]
        self._interrupt = False

        # 2. Resampling, cutoff, low-pass, mel spectrogram
        prepared = [self.preprocess(clip, cutoff_freq, on_full_band) for clip in clips]

        # 3.-6. Condition, noise, denoising, decoding
        generated: dict[int, np.ndarray] = {}
        interrupted: set[int] = set()
        for group in self._groups(prepared):
            if self.interrupt:
                interrupted.update(group)
                continue
            conditions = [self.encode(mel) for index in group if (mel := prepared[index].mel) is not None]
            set_timesteps(self.scheduler, num_inference_steps, self._execution_device)
            noise = [
                self.prepare_latents(
                    conditions[position].shape[2], generators[index], None if latents is None else latents[index, None]
                )
                for position, index in enumerate(group)
            ]
            denoised = self.denoise(
                noise,
                conditions,
                guidance_scale,
                eta,
                [generators[index] for index in group],
                callback_on_step_end,
                tensor_inputs,
            )
            if self.interrupt:
                interrupted.update(group)
            # Freed as soon as they are used: for ten minutes of stereo they take 240 MB.
            del conditions, noise
            for index in group:
                if output_type == "latent":
                    components = prepared[index].components
                    assert components is not None
                    generated[index] = denoised.pop(0)[np.abs(components.mixing).argmax(1)].cpu().numpy()
                else:
                    generated[index] = self.decode(denoised.pop(0), prepared[index])
                prepared[index] = replace(prepared[index], mel=None)

        # 7. The input's own band
        settings = {
            "num_inference_steps": int(num_inference_steps),
            "guidance_scale": float(guidance_scale),
            "eta": float(eta),
            "scheduler": type(self.scheduler).__name__,
        }
        results: list[tuple[np.ndarray, Any, AudioSRReport]] = []
        for index, clip in enumerate(prepared):
            made, described = generated.pop(index, None), (settings, seeds[index], index in interrupted)
            if output_type == "latent":
                shape = (len(clip.audio), *self._latent_shape(num_latent_frames=0)[1:])
                clip_latents = np.zeros(shape, np.float32) if made is None else made
                results.append((clip_latents, None, self._report(clip, made is not None, *described)))
            else:
                results.append(self.replace_low_band(made, clip, *described))
        self.maybe_free_model_hooks()
        new_bands = [new_band for _, new_band, _ in results]
        output = AudioSRPipelineOutput(
            audios=in_form([audio for audio, _, _ in results], clips, output_type),
            sampling_rate=self.sampling_rate,
            generated=new_bands if output_type == "latent" else in_form(new_bands, clips, output_type),
            reports=[report for _, _, report in results],
        )
        return output if return_dict else output.to_tuple()

    def check_inputs(
        self,
        clips: list[Clip],
        num_inference_steps: int,
        guidance_scale: float,
        eta: float | None,
        cutoff_freq: float | None,
        on_full_band: str,
        generator: torch.Generator | list[torch.Generator] | None,
        latents: Tensor | None,
        output_type: str,
        callback_on_step_end: Callable[..., dict[str, Any]] | None,
        callback_on_step_end_tensor_inputs: list[str],
    ) -> None:
        """Raises ValueError for arguments that can't be used (`__call__` says what each may be)."""
        for index, clip in enumerate(clips):
            num_samples = clip.audio.shape[-1]
            if resampled_length(num_samples, clip.sampling_rate, self.sampling_rate) == 0:
                raise ValueError(
                    f"audio[{index}] has {num_samples} samples at {clip.sampling_rate} Hz, less than one at "
                    f"{self.sampling_rate} Hz. Pass a longer clip."
                )
        check_num_inference_steps(num_inference_steps)
        check_number("guidance_scale", guidance_scale, lambda value: value >= 0, "0 and above, 1 is no guidance")
        if eta is not None:
            check_number("eta", eta, lambda value: 0 <= value <= 1, "0 to 1")
        if eta and not self._scheduler_takes("eta"):
            raise ValueError(
                f"eta={eta}, but {type(self.scheduler).__name__} has no use for it: leave it out, or use DDIMScheduler."
            )
        if cutoff_freq is not None:
            nyquist = min(min(clip.sampling_rate for clip in clips), self.sampling_rate) / 2
            check_number(
                "cutoff_freq",
                cutoff_freq,
                lambda value: LOWEST_CUTOFF_FREQ <= value < nyquist,
                f"frequencies from {LOWEST_CUTOFF_FREQ:.0f} Hz up to, not including, the Nyquist frequency "
                f"{nyquist:.0f} Hz of the lowest rate passed",
            )
        if not isinstance(on_full_band, str) or on_full_band not in ON_FULL_BAND:
            raise ValueError(f'on_full_band="{on_full_band}"; accepted are {", ".join(ON_FULL_BAND)}.')
        if generator is not None:
            generators = generator if isinstance(generator, list) else [generator] * len(clips)
            if not all(isinstance(clip_generator, torch.Generator) for clip_generator in generators):
                raise ValueError(
                    f"generator={generator}; accepted are a torch.Generator, or a list of one for each clip."
                )
            if len(generators) != len(clips):
                raise ValueError(
                    f"generator is a list of {len(generators)} for {len(clips)} clips: pass one for each, or one."
                )
        if latents is not None:
            check_latents(latents, len(clips))
        if not isinstance(output_type, str) or output_type not in ("np", "pt", "latent"):
            raise ValueError(f'output_type="{output_type}"; accepted are np, pt, latent.')
        check_callback(callback_on_step_end, callback_on_step_end_tensor_inputs, self._callback_tensor_inputs)

    def preprocess(self, clip: Clip, cutoff_freq: float | None = None, on_full_band: str = "skip") -> PreparedClip:
        """Resamples a clip, finds its cutoff, low-passes it, normalises its local peak, takes its mel spectrogram."""
        audio = resample(clip.audio, clip.sampling_rate, self.sampling_rate)
        inspection = inspect_clip(clip, audio, cutoff_freq, on_full_band)
        if inspection.action != "enhanced":
            return PreparedClip(clip, audio, inspection)
        components = find_components(audio, inspection.cutoff_freq, self.sampling_rate)
        continued = self._continue(clip, components, audio.shape[-1])
        gain = local_gain(continued, self.feature_extractor.peak, self.sampling_rate)
        # One after another: the waveforms in between take 230 MB for ten minutes of stereo.
        lowpassed = (self._lowpassed(component[None], inspection.cutoff_freq, gain) for component in continued)
        mel = torch.cat([self.feature_extractor(component) for component in lowpassed])
        return PreparedClip(clip, audio, inspection, gain, components, mel)

    def _continue(self, clip: Clip, components: Components, num_samples: int) -> np.ndarray:
        """A clip's components `(components, ...)` at 48 kHz, centred, without abrupt ends, as the networks need them.

        They have margins before and after `num_samples`. What stops is continued at the clip's own rate: resampling
        makes an end that is cut off ring. And it is continued component by component: where one channel is digitally
        silent and another is not, what is made to fill the silence would be heard in both.
        """
        multiple = self.frame_multiple * self.frame_samples
        num_samples = -(-(num_samples + 2 * self.margin_samples) // multiple) * multiple
        # As many samples before the clip as are whole samples at both rates.
        divisor = math.gcd(clip.sampling_rate, self.sampling_rate)
        step = clip.sampling_rate // divisor
        num_steps = math.ceil((self.margin_samples / self.sampling_rate + RESAMPLER_S) * clip.sampling_rate / step)
        last = math.ceil((num_samples / self.sampling_rate + RESAMPLER_S) * clip.sampling_rate)
        audio = np.stack([components.component(clip.audio, index) for index in range(len(components.unmixing))])
        continued = continue_sound(audio, num_steps * step, last - audio.shape[-1], clip.sampling_rate)
        continued -= audio.mean(-1, keepdims=True)
        first = num_steps * self.sampling_rate // divisor - self.margin_samples
        return resample(continued, clip.sampling_rate, self.sampling_rate)[:, first : first + num_samples]

    def _lowpassed(self, component: np.ndarray, cutoff_freq: float, gain: np.ndarray) -> Tensor:
        """What the networks are given of a component `(1, num_samples)` with its margins: low-passed, normalised."""
        lowpassed = lowpass(component, cutoff_freq, self.sampling_rate)
        apply_gain(lowpassed, gain)
        return torch.from_numpy(lowpassed)

    @torch.no_grad()
    def encode(self, mel: Tensor) -> Tensor:
        """The condition: scaled latents of a mel spectrogram `(rows, 1, num_frames, n_mels)`.

        The posterior's mode, where the autoencoder has a posterior: the condition isn't drawn.

        Returns:
            `(rows, latent_channels, num_frames / vae_scale_factor, n_mels / vae_scale_factor)`, float32.
        """
        scale = self.vae_scale_factor
        mel = mel.to(self._execution_device, self.vae.dtype)
        windows = self._windows(mel.shape[2] // scale)

        def encoded() -> Iterator[Tensor]:
            for window in windows:
                with OneDNN():
                    encoding = self.vae.encode(mel[:, :, window.start * scale : window.stop * scale])
                latents = encoding.latent_dist.mode() if hasattr(encoding, "latent_dist") else encoding.latent
                yield latents.float()

        return merge_windows(encoded(), windows, FADE_FRAMES) * self.vae.config.scaling_factor

    def prepare_latents(
        self, num_latent_frames: int, generator: torch.Generator, latents: Tensor | None = None
    ) -> Tensor:
        """Initial noise of one clip, `(1, latent_channels, num_latent_frames, n_mels / vae_scale_factor)`."""
        shape = self._latent_shape(num_latent_frames)
        if latents is None:
            latents = self._noise(shape, generator)
        elif tuple(latents.shape) != shape:
            raise ValueError(f"latents give a clip the shape {tuple(latents.shape)}; needed is {shape}.")
        return latents.to(self._execution_device, torch.float32) * self.scheduler.init_noise_sigma

    @torch.no_grad()
    def denoise(
        self,
        noise: list[Tensor],
        conditions: list[Tensor],
        guidance_scale: float,
        eta: float,
        generators: list[torch.Generator],
        callback_on_step_end: Callable[..., dict[str, Any]] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
    ) -> list[Tensor]:
        """Runs the scheduler from noise to latents, for clips of equal latent length.

        A clip's channels share its noise, so no panning is invented. The UNet sees windows; its predictions are merged
        before each of the scheduler's steps. The result's level is the first predictions' (`level_patch`), its detail
        the scheduler's, times `detail_gain`.

        Args:
            noise: One tensor per clip, see `prepare_latents`.
            conditions: One tensor per clip with a row for each distinct channel, see `encode`.
            guidance_scale: See `__call__`.
            eta: See `__call__`.
            generators: One per clip, for schedulers that draw noise in their steps.
            callback_on_step_end: See `__call__`.
            callback_on_step_end_tensor_inputs: See `__call__`.

        Returns:
            Scaled latents, shaped as `conditions`.
        """
        num_rows = [len(condition) for condition in conditions]
        latents = torch.cat([clip.expand(count, -1, -1, -1) for clip, count in zip(noise, num_rows, strict=True)])
        condition = torch.cat(conditions)
        # Each channel draws from a copy of its clip's generator: the same noise for all of them.
        rows = [copy_generator(g) for g, count in zip(generators, num_rows, strict=True) for _ in range(count)]
        # From zero terminal SNR and with eta 1, DDIM takes the root of a rounding error, which may be negative.
        most = 1 - 1e-6 if self.scheduler.config.get("rescale_betas_zero_snr") else 1.0
        step_arguments = {"eta": min(eta, most), "generator": rows}
        step_arguments = {name: value for name, value in step_arguments.items() if self._scheduler_takes(name)}
        windows = self._windows(latents.shape[2])
        timesteps = self.scheduler.timesteps
        if not is_finite(condition):
            raise ValueError(self._blame("the vae makes NaN or infinite values of the input", self.vae.dtype, 1))
        self._guidance_scale, self._num_timesteps = guidance_scale, len(timesteps)
        num_calls = len(timesteps) + (self.config.level_predictions - 1 if self.config.level_patch else 0)
        with self.progress_bar(total=num_calls * len(windows)) as progress:
            predict = partial(self._predict, condition=condition, windows=windows, progress=progress)
            for step, timestep in enumerate(timesteps):
                if self.interrupt:
                    break
                scale = self.guidance_scale * (self.config.level_guidance if step == 0 else 1)
                model_input = self.scheduler.scale_model_input(latents, timestep)
                velocity = predict(model_input, timestep, scale)
                if step == 0 and self.config.level_patch:
                    expected = self._x_0(model_input, velocity, timestep)
                    for other in self._other_noises(latents, rows):
                        model_input = self.scheduler.scale_model_input(other, timestep)
                        expected += self._x_0(model_input, predict(model_input, timestep, scale), timestep)
                    expected /= self.config.level_predictions
                latents = self.scheduler.step(velocity, timestep, latents, **step_arguments, return_dict=False)[0]
                if not is_finite(latents):
                    if is_finite(model_input) and not is_finite(velocity):
                        raise ValueError(
                            self._blame("the unet predicts NaN or infinite values", self.unet.dtype, scale)
                        )
                    raise ValueError(
                        f"{type(self.scheduler).__name__} makes NaN or infinite values in step {step + 1} of "
                        f"{len(timesteps)} with its settings, of what the unet predicts, which is finite. Use another "
                        "scheduler, such as DDIMScheduler.from_config(pipe.scheduler.config)."
                    )
                if callback_on_step_end is not None:
                    tensors = {"latents": latents} if "latents" in (callback_on_step_end_tensor_inputs or ()) else {}
                    latents = changed_latents(callback_on_step_end(self, step, timestep, tensors), latents)
        if self.config.level_patch and not self.interrupt:
            detail = latents - self._level(latents)
            latents = self._level(expected) + self.config.detail_gain * detail
        if not latents.abs().max() <= LARGEST_LATENT:
            largest = float(latents.abs().max())
            raise ValueError(self._blame(f"the denoised latents reach {largest:.3g}", self.unet.dtype, guidance_scale))
        first_rows = np.cumsum([0, *num_rows[:-1]])
        for clip_generator, row in zip(generators, first_rows, strict=True):
            clip_generator.set_state(rows[row].get_state())
        return list(latents.split(num_rows))

    @torch.no_grad()
    def decode(self, latents: Tensor, prepared: PreparedClip) -> np.ndarray:
        """Latents to a mel spectrogram, and that to a waveform: see `vocode`.

        Args:
            latents: Scaled, `(rows, latent_channels, num_latent_frames, ...)`.
            prepared: The clip they belong to.

        Returns:
            `(channels, num_samples)`, float32.
        """
        windows = self._windows(latents.shape[2])
        latents = (latents / self.vae.config.scaling_factor).to(self.vae.dtype)

        def decoded() -> Iterator[Tensor]:
            for window in windows:
                with OneDNN():
                    decoding = self.vae.decode(latents[:, :, window.start : window.stop])
                yield decoding.sample.float()

        mel = merge_windows(decoded(), windows, FADE_FRAMES, self.vae_scale_factor)
        assert prepared.mel is not None
        edge = prepared.inspection.cutoff_freq, self.feature_extractor.mel_edges
        if self.envelope_predictor is not None:
            adjust_envelope(mel, self.expect(prepared.mel, edge[0]), *edge)
        limit_rise(mel, prepared.mel, *edge)
        match_splice(mel, prepared.mel, *edge)
        limit_fall(mel, *edge)
        return self.vocode(mel, prepared)

    @torch.no_grad()
    def expect(self, mel: Tensor, cutoff_freq: float) -> Tensor:
        """What the envelope predictor expects above the cutoff of an input's log-mel spectrogram, shaped as that."""
        scale, low = self.vae_scale_factor, num_low_mels(cutoff_freq, self.feature_extractor.mel_edges)
        windows = self._windows(mel.shape[2] // scale)

        def expected() -> Iterator[Tensor]:
            for window in windows:
                frames = mel[:, :, window.start * scale : window.stop * scale]
                with OneDNN():
                    yield self.envelope_predictor(frames.to(self._execution_device), low)

        return merge_windows(expected(), windows, FADE_FRAMES, scale)

    @torch.no_grad()
    def vocode(self, mel: Tensor, prepared: PreparedClip) -> np.ndarray:
        """A mel spectrogram, its low band replaced by the input's, to a waveform at the input's level.

        Args:
            mel: Generated log-mel, shaped as `prepared.mel`.
            prepared: The clip that it belongs to.

        Returns:
            `(channels, num_samples)`, float32.
        """
        assert prepared.mel is not None and prepared.gain is not None and prepared.components is not None
        scale = self.vae_scale_factor
        windows = self._windows(mel.shape[2] // scale, VOCODER_FRAMES)
        input_mel, cutoff_freq = prepared.mel, prepared.inspection.cutoff_freq
        edges = self.feature_extractor.mel_edges
        heard: Tensor | None = None
        if isinstance(self.vocoder, BandwidthExtensionVocoder):
            continued = self._continue(prepared.clip, prepared.components, prepared.audio.shape[-1])
            heard = torch.cat([self._lowpassed(part[None], cutoff_freq, prepared.gain) for part in continued])

        def vocoded() -> Iterator[Tensor]:
            for window in self.progress_bar(windows):
                frames = slice(window.start * scale, window.stop * scale)
                # Window by window: of ten minutes of stereo, a copy of the mel spectrogram takes 120 MB.
                own = input_mel[:, :, frames].to(mel.device)
                replaced = replace_low_mel(mel[:, :, frames], own, cutoff_freq, edges)
                # Where windows overlap they need the same noise.
                given: dict[str, Any] = {}
                if isinstance(self.vocoder, (ISTFTVocoder, BandwidthExtensionVocoder)):
                    given["first_frame"] = frames.start
                if heard is not None:
                    samples = slice(window.start * self.frame_samples, window.stop * self.frame_samples)
                    given |= {"audio": heard[:, samples].to(mel.device), "cutoff_freq": cutoff_freq}
                with OneDNN():
                    audio = self.vocoder(replaced[:, 0].to(self.vocoder.dtype), **given)
                num_samples = (window.stop - window.start) * self.frame_samples
                # Some vocoders make some samples more of the last frame.
                if not 0 <= audio.shape[-1] - num_samples < self.frame_samples:
                    raise ValueError(
                        f"the vocoder makes {audio.shape[-1]} samples of {replaced.shape[2]} frames; needed are "
                        f"{self.feature_extractor.hop_length} each, the feature extractor's hop_length: load the "
                        "vocoder that belongs to this model."
                    )
                yield audio[:, :num_samples].float().cpu()

        merged = merge_windows(vocoded(), windows, FADE_FRAMES, self.frame_samples, dim=-1)
        audio = merged.numpy()
        apply_gain(audio, 1 / prepared.gain)
        audio = audio[:, self.margin_samples : self.margin_samples + prepared.audio.shape[-1]]
        for row, component in enumerate(audio):
            own = prepared.components.component(prepared.audio, row)
            follow_envelope(component, own, prepared.inspection.bandwidth, self.sampling_rate)
        return prepared.components.mix(audio)

    def replace_low_band(
        self,
        waveform: np.ndarray | None,
        prepared: PreparedClip,
        settings: dict[str, Any],
        seed: int | None,
        interrupted: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, AudioSRReport]:
        """Puts the input's own band into the generated waveform, and reports.

        Args:
            waveform: `(channels, num_samples)`; None if nothing was generated: the clip is returned resampled.
            prepared: The clip.
            settings: For the report.
            seed: For the report.
            interrupted: For the report.

        Returns:
            The joined waveform, the new band alone, and the report.
        """
        audio, found = prepared.audio, prepared.inspection
        notes: list[str] = []
        if waveform is None:
            joined, new_band = audio.copy(), np.zeros_like(audio)
            measured = {}
        else:
            if not all(np.isfinite(channel).all() for channel in waveform):
                scale = settings.get("guidance_scale", 1.0)
                what = "the vae and the vocoder make NaN or infinite values of the latents"
                raise ValueError(self._blame(what, self.vocoder.dtype, scale))
            joined, new_band = np.empty_like(audio), waveform
            # Channel by channel, the new band into the waveform's memory: a copy of ten minutes of stereo takes 230 MB.
            for channel, gate in self._gates(prepared, FADE_S):
                places = joined[channel], new_band[channel]
                replace_low_band(new_band[channel], audio[channel], found.bandwidth, gate, out=places)
            notes += self._limit(joined, new_band, prepared, settings)
            note, error_db = self._keep_low_band(joined, new_band, prepared)
            notes += note
            measured = {
                "low_band_error_db": error_db,
                "level_change_db": _ratio_db(_power(joined), _power(audio)),
            }
        peak = float(max(joined.max(), -joined.min()))
        was_generated = waveform is not None
        report = self._report(prepared, was_generated, settings, seed, interrupted, tuple(notes), peak=peak, **measured)
        return joined, new_band, report

    def _gates(self, prepared: PreparedClip, fade_s: float) -> Iterator[tuple[slice, np.ndarray]]:
        """Each channel, as a slice, and the gain of its new band: 0 in digital silence, faded at the clip's ends."""
        for index in range(len(prepared.audio)):
            channel = slice(index, index + 1)
            gate = silence_gate(prepared.audio[channel], self.sampling_rate)
            yield channel, fade_ends(gate, self.sampling_rate, fade_s)

    def _keep_low_band(
        self, joined: np.ndarray, new_band: np.ndarray, prepared: PreparedClip
    ) -> tuple[tuple[str, ...], float]:
        """Changes both, in place, until the low band differs from the input by -50 dB or less.

        A fade leaves traces beside its band, the fewer the longer it is: where a loud band lies above a faint one, 5 ms
        are too short. In silence, fades can't be longer: there the new band is lowered, and if what the input has above
        its edge leaves such traces, some of it stays.

        Returns:
            A note if it was, or if that isn't enough, and the difference in dB.
        """
        audio, bandwidth = prepared.audio, prepared.inspection.bandwidth
        error_power, own_power = self._low_band_powers(joined, prepared)
        power = _power(audio)
        for fade_s in LONGER_FADES_S:
            # Below -80 dB of the whole, what the filters leave is all that is there.
            if error_power <= AIMED_ERROR * own_power or own_power < 1e-8 * power:
                break
            fades = fade_ends(np.ones(audio.shape[-1], np.float32), self.sampling_rate, fade_s)
            for channel, gate in self._gates(prepared, fade_s):
                new_band[channel] *= fades
                join_bands(new_band[channel], audio[channel], bandwidth, gate, out=joined[channel])
            error_power, own_power = self._low_band_powers(joined, prepared)
        notes: tuple[str, ...] = ()
        if TOLERATED_ERROR < error_power / max(own_power, 1e-30) <= LARGEST_ERROR * 10 ** (MOST_LOWERED_DB / 10):
            lowered_db = _ratio_db(error_power, AIMED_ERROR * own_power)
            joined -= new_band
            new_band *= np.float32(10 ** (-lowered_db / 20))
            joined += new_band
            error_power, own_power = self._low_band_powers(joined, prepared)
            notes = (f"the new band was lowered by {lowered_db:.0f} dB: its fades would reach into the low band",)
        if TOLERATED_ERROR < error_power / max(own_power, 1e-30) <= LARGEST_ERROR * 10 ** (MOST_KEPT_DB / 10):
            # Then what the input has above its edge leaves these traces, where it is taken out.
            share = np.float32((AIMED_ERROR * own_power / error_power) ** 0.5)
            joined -= audio
            joined *= share
            joined += audio
            new_band *= share
            error_power, own_power = self._low_band_powers(joined, prepared)
            notes += (
                f"only {share:.0%} of what is above the band edge was replaced: more would reach into the low band",
            )
        error_db = _ratio_db(error_power, own_power)
        if error_power > LARGEST_ERROR * own_power:
            notes += (
                f"the low band differs from the input by {error_db:.0f} dB, more than -50: the input has "
                f"{_ratio_db(own_power, power):.0f} dB of its power there",
            )
        return notes, error_db

    def _limit(
        self, joined: np.ndarray, new_band: np.ndarray, prepared: PreparedClip, settings: dict[str, Any]
    ) -> tuple[str, ...]:
        """Lowers the new band, in place, where it is louder than natural; returns a note if it was.

        Raises:
            ValueError: If it is louder by more than 30 dB: what was generated then is no sound.
        """
        bandwidth = prepared.inspection.bandwidth
        excess = level_excess(new_band, joined, bandwidth, self.sampling_rate)
        most = float(excess.max())
        if most > MOST_EXCESS_DB:
            what = f"what was generated is up to {most:.0f} dB louder than natural sound is beside such an input"
            raise ValueError(self._blame(what, self.vocoder.dtype, settings.get("guidance_scale", 1.0)))
        if most == 0:
            return ()
        joined -= new_band
        for own, gate in self._gates(prepared, FADE_S):
            taken = new_band[own].copy()
            lower(new_band[own], excess, self.sampling_rate)
            taken -= new_band[own]
            # A gain that changes leaves traces below the band, but none in silence.
            new_band[own] += gate * split_bands(taken, bandwidth)
        joined += new_band
        seconds = np.count_nonzero(excess) * BLOCK_S
        return (
            f"the new band was up to {most:.0f} dB louder than natural sound is beside such an input, for "
            f"{seconds:.2f} s, and was lowered there",
        )

    def _low_band_powers(self, joined: np.ndarray, prepared: PreparedClip) -> tuple[float, float]:
        """Power of the difference from the input, and of the input, both up to 250 Hz below the band edge.

        As it is heard: before and after a clip there is silence.
        """
        edge = prepared.inspection.bandwidth - TRANSITION_HZ + MEASURED_TRANSITION_HZ
        silence = np.zeros((1, round(2 / MEASURED_TRANSITION_HZ * self.sampling_rate)), np.float32)

        def low_power(channel: np.ndarray) -> float:
            padded = np.concatenate([silence, channel, silence], axis=-1)
            split_bands(padded, edge, out=padded, transition_hz=MEASURED_TRANSITION_HZ)
            return _power(padded) * padded.shape[-1] / channel.shape[-1] / len(joined)

        channels = [slice(index, index + 1) for index in range(len(joined))]
        error_power = sum(low_power(joined[own] - prepared.audio[own]) for own in channels)
        return error_power, sum(low_power(prepared.audio[own]) for own in channels)

    def _report(
        self,
        prepared: PreparedClip,
        was_generated: bool,
        settings: dict[str, Any],
        seed: int | None,
        interrupted: bool,
        notes: tuple[str, ...] = (),
        **measured: float,
    ) -> AudioSRReport:
        """What was found in a clip, what was done and what was measured; `replace_low_band` says what is what."""
        clip, found = prepared.clip, prepared.inspection
        done: dict[str, Any] = {"notes": (*clip.notes, *found.notes, *notes)}
        if was_generated:
            model = Path(self.name_or_path).name if self.name_or_path else None
            done |= {"settings": settings, "seed": seed, "model": model}
            if interrupted:
                done["notes"] += ("denoising was interrupted",)
        elif interrupted:
            done |= {"action": "left_alone", "reason": "denoising was interrupted before this clip's turn"}
        return AudioSRReport(
            sampling_rate=clip.sampling_rate,
            num_channels=len(prepared.audio),
            duration_s=clip.audio.shape[-1] / clip.sampling_rate,
            **{**vars(found), **done, **measured},
        )

    def _predict(
        self,
        latents: Tensor,
        timestep: Tensor,
        guidance_scale: float,
        condition: Tensor,
        windows: list[Window],
        progress: Any,
    ) -> Tensor:
        """The guided velocity of `(rows, ...)` latents, predicted in windows and merged."""
        unconditional = torch.full_like(condition[:1, :, :1], UNCONDITIONAL_LATENT * self.vae.config.scaling_factor)
        is_guided = guidance_scale != 1

        def velocity(window_latents: Tensor, window_condition: Tensor) -> Tensor:
            model_input = torch.cat([window_latents, window_condition], dim=1)
            if is_guided:
                without = torch.cat([window_latents, unconditional.expand_as(window_condition)], dim=1)
                model_input = torch.cat([model_input, without])
            calls = model_input.to(self.unet.dtype).split(ROWS_PER_CALL)
            with OneDNN():
                rows = [self.unet(call, timestep, encoder_hidden_states=None, return_dict=False)[0] for call in calls]
            predicted = torch.cat(rows).float()
            if not is_guided:
                return predicted
            conditional, without = predicted.chunk(2)
            return without + guidance_scale * (conditional - without)

        def predictions() -> Iterator[Tensor]:
            per_call = max(1, ROWS_PER_CALL // (2 * len(latents) if is_guided else len(latents)))
            for start in range(0, len(windows), per_call):
                batch = [slice(window.start, window.stop) for window in windows[start : start + per_call]]
                window_latents = torch.cat([latents[:, :, frames] for frames in batch])
                window_condition = torch.cat([condition[:, :, frames] for frames in batch])
                yield from velocity(window_latents, window_condition).chunk(len(batch))
                progress.update(len(batch))

        return merge_windows(predictions(), windows, FADE_FRAMES)

    def _other_noises(self, noise: Tensor, generators: list[torch.Generator]) -> Iterator[Tensor]:
        """The noises of the first predictions after that from `noise`, in pairs of a noise and its opposite.

        What is odd in the noise cancels out of a pair's mean.
        """
        for number in range(1, self.config.level_predictions):
            if number % 2:
                noise = -noise
            else:
                noise = torch.cat([self._noise((1, *noise.shape[1:]), generator) for generator in generators])
                noise *= self.scheduler.init_noise_sigma
            yield noise

    def _noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Noise of one row of latents, drawn frame by frame: a longer clip begins with the same."""
        batch, channels, num_frames, num_bins = shape
        drawn_shape = (batch, num_frames, channels, num_bins)
        drawn = randn_tensor(drawn_shape, generator=generator, device=self._execution_device, dtype=torch.float32)
        return drawn.transpose(1, 2).contiguous()

    def _x_0(self, sample: Tensor, velocity: Tensor, timestep: Tensor) -> Tensor:
        """The clean latents of a sample and its velocity: `alpha * sample - sigma * velocity`."""
        alpha_squared = self.scheduler.alphas_cumprod[int(timestep)].to(sample.device)
        return alpha_squared.sqrt() * sample - (1 - alpha_squared).sqrt() * velocity

    def _level(self, latents: Tensor) -> Tensor:
        """Means over patches of `level_patch` latents about each."""
        size = self.config.level_patch
        return avg_pool2d(latents, size, stride=1, padding=size // 2, count_include_pad=False)

    def _latent_shape(self, num_latent_frames: int) -> tuple[int, int, int, int]:
        """Shape of a row of latents."""
        num_bins = self.feature_extractor.n_mels // self.vae_scale_factor
        return 1, self.unet.config.out_channels, num_latent_frames, num_bins

    def _windows(self, num_frames: int, longest: int | None = None) -> list[Window]:
        """The windows of a clip of `num_frames` latent frames, none longer than `longest`."""
        length = self.window_frames if longest is None else min(self.window_frames, longest)
        return split_windows(num_frames, length, min(OVERLAP_FRAMES, length // 2))

    def _scheduler_takes(self, argument: str) -> bool:
        """Whether the scheduler's step has an argument of that name."""
        return takes(self.scheduler, argument)

    def _blame(self, what: str, dtype: torch.dtype, guidance_scale: float) -> str:
        """The message for a result that can't be audio, with what may be the cause."""
        causes = []
        if guidance_scale != 1:
            usual = self.config.default_guidance_scale
            causes.append(f"guidance_scale={guidance_scale:g} (the checkpoint's own is {usual:g})")
        if not isinstance(self.scheduler, DDIMScheduler):
            name = type(self.scheduler).__name__
            causes.append(f"the scheduler {name} (DDIMScheduler.from_config(pipe.scheduler.config) is exact)")
        if dtype == torch.float16:
            causes.append("float16, whose range is small (bfloat16 has more)")
        causes.append("the latents that were passed, or the checkpoint's weights")
        return f"{what}, which is no audio. The cause may be {'; '.join(causes)}."

    def _groups(self, prepared: list[PreparedClip]) -> list[list[int]]:
        """Indices of the clips to enhance, those of equal latent length together, in order of first appearance."""
        groups: dict[int, list[int]] = {}
        for index, clip in enumerate(prepared):
            if clip.mel is not None:
                groups.setdefault(clip.mel.shape[2], []).append(index)
        return list(groups.values())


def _power(audio: np.ndarray) -> float:
    """Mean square over channels and samples."""
    # Without an array of the squares.
    return float(np.mean([np.einsum("i,i->", c, c, dtype=np.float64) / len(c) for c in audio]))


def _ratio_db(power: float, reference: float) -> float:
    """A power ratio in dB, not below -200."""
    return float(10 * np.log10(max(power / max(reference, 1e-30), 1e-20)))
