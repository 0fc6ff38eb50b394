"""DAG (arXiv:2210.14661) as a diffusers pipeline: a label becomes a waveform of full bandwidth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.models.dag import DAGModel
from audiosr_pipeline.models.langevin_scheduler import LangevinScheduler
from audiosr_pipeline.pipelines.callbacks import call_back, check_callback
from audiosr_pipeline.pipelines.checks import (
    check_audio_length,
    check_num_inference_steps,
    check_number,
    is_finite,
)
from audiosr_pipeline.pipelines.generators import generators_per_clip
from audiosr_pipeline.pipelines.inputs import load_clips
from audiosr_pipeline.pipelines.loading import LoadablePipeline
from audiosr_pipeline.pipelines.outputs import GENERATED_OUTPUT_TYPES, GeneratedAudioOutput
from audiosr_pipeline.pipelines.rates import in_short
from audiosr_pipeline.pipelines.turns import CallState, in_turn

CALLBACK_TENSOR_INPUTS = ["latents"]


class DAGPipeline(CallState, LoadablePipeline):
    """Generates audio of one of the labels that its network was trained with.

    Args:
        model: `DAGModel`, whose config has the labels' names and the rate.
        scheduler: `LangevinScheduler`.
    """

    model_cpu_offload_seq = "model"
    network_in_turn = "model"
    _callback_tensor_inputs = CALLBACK_TENSOR_INPUTS

    def __init__(self, model: DAGModel, scheduler: LangevinScheduler):
        super().__init__()
        self.register_modules(model=model, scheduler=scheduler)
        self.sampling_rate: int = model.config.sampling_rate

    @property
    def labels(self) -> list[str]:
        """Names of the labels, in the order of their numbers."""
        names = self.model.config.id2label
        return [names[str(number)] for number in range(len(names))]

    @in_turn
    @torch.no_grad()
    def __call__(
        self,
        labels: str | int | list[str] | list[int],
        num_inference_steps: int = 100,
        guidance_scale: float = 3.0,
        audio_length_in_s: float = 4.0,
        audio: Any = None,
        sampling_rate: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: Callable[..., dict[str, Any] | None] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
    ) -> GeneratedAudioOutput | tuple:
        """Generates a clip for each label.

        Args:
            labels: A label, its number, or a list of those: one for each clip.
            num_inference_steps: Calls of the network, from 2 on. With few, clips are too quiet: see
                `LangevinScheduler`.
            guidance_scale: Weight of classifier-free guidance, `1 + gamma` of the paper; 1 is none and half the work.
            audio_length_in_s: Length of the clips in seconds, at most 3600; `audio` has its own.
            audio: Recordings that are to become the labels (the paper's style transfer), one for all clips or one for
                each, all of one length, which is that of the clips; forms as for `AudioSRPipeline`.
            sampling_rate: Rate of recordings that are arrays, in Hz.
            generator: One per clip in a list, or one for all: then clip i gets a generator seeded by its i-th draw,
                unless there is one clip.
            output_type: "np" for an array, "pt" for a tensor on the CPU.
            return_dict: False returns the fields as a tuple.
            callback_on_step_end: Called as `callback(pipe, step, timestep, tensors)` after each step.
            callback_on_step_end_tensor_inputs: Names among `latents`, which are the waveforms with noise
                `(batch, num_samples)`, that it gets and may return changed.

        Returns:
            `GeneratedAudioOutput`: clips at the model's rate, `round(audio_length_in_s * sampling_rate)` samples each,
            with peaks of at most 1.

        Raises:
            ValueError: If an argument can't be used; the message says what is accepted. If what is generated holds NaN
                or infinite values.

        >>> pipe = DAGPipeline.from_pretrained("dag-mini")
        >>> rain = pipe("rain", generator=torch.Generator().manual_seed(0)).audios[0]
        """
        # 1. Inputs
        numbers = self._numbers(labels)
        check_num_inference_steps(num_inference_steps)
        check_number("guidance_scale", guidance_scale, lambda value: value >= 0, "numbers from 0 on; 1 is none")
        names = getattr(callback_on_step_end, "tensor_inputs", callback_on_step_end_tensor_inputs)
        names = CALLBACK_TENSOR_INPUTS if names is None else names
        check_callback(callback_on_step_end, names, CALLBACK_TENSOR_INPUTS)
        if output_type not in GENERATED_OUTPUT_TYPES:
            raise ValueError(f"output_type={output_type!r}; accepted are {', '.join(GENERATED_OUTPUT_TYPES)}.")
        if audio is None and sampling_rate is not None:
            raise ValueError(
                f"sampling_rate={in_short(sampling_rate)} without audio: it is of recordings; the model generates "
                f"at {self.sampling_rate} Hz."
            )
        if not isinstance(self.scheduler, LangevinScheduler):
            raise ValueError(f"the scheduler is a {type(self.scheduler).__name__}; accepted is LangevinScheduler.")
        recordings = None if audio is None else self._recordings(audio, sampling_rate, len(numbers))
        if recordings is None:
            check_audio_length(audio_length_in_s, self.sampling_rate)
            num_samples = round(audio_length_in_s * self.sampling_rate)
        else:
            num_samples = recordings.shape[1]
        generators = generators_per_clip(generator, len(numbers))
        device = self._execution_device

        # 2. Noise
        self.scheduler.set_timesteps(num_inference_steps, device)
        shape = (len(numbers), num_samples)
        sample = self.scheduler.init_noise_sigma * randn_tensor(shape, generators, device, torch.float32)
        if recordings is not None:
            sample = sample + recordings.to(device)

        # 3. Denoising
        self._guidance_scale, self._num_timesteps, self._interrupt = guidance_scale, num_inference_steps, False
        with self.progress_bar(total=num_inference_steps) as bar:
            for step, timestep in enumerate(self.scheduler.timesteps):
                noise = self._guided_noise(sample, timestep, numbers.to(device))
                stepped = self.scheduler.step(noise, timestep, sample, generators)
                sample = call_back(callback_on_step_end, self, step, timestep, stepped.prev_sample, names)
                bar.update()
                if self.interrupt:
                    sample = stepped.pred_original_sample
                    break
        self.maybe_free_model_hooks()
        if not is_finite(sample):
            raise ValueError(
                f"what was generated holds NaN or infinite values; guidance_scale={guidance_scale} and the dtype "
                f"{self.model.dtype} may be to blame."
            )
        sample = sample.cpu()
        output = GeneratedAudioOutput(sample.numpy() if output_type == "np" else sample, self.sampling_rate)
        return output if return_dict else output.to_tuple()

    def _guided_noise(self, sample: Tensor, timestep: Tensor, numbers: Tensor) -> Tensor:
        """The noise in waveforms `(batch, num_samples)`, as guidance has it: `null + scale (conditional - null)`."""
        sigma = self.scheduler.sigma(timestep).expand(len(sample))
        sample = sample.to(self.model.dtype)
        if self.guidance_scale == 1:
            return self.model(sample, sigma, numbers).float()
        null = torch.full_like(numbers, len(self.labels))
        both = self.model(torch.cat([sample, sample]), torch.cat([sigma, sigma]), torch.cat([numbers, null])).float()
        conditional, unconditional = both.chunk(2)
        return unconditional + self.guidance_scale * (conditional - unconditional)

    def _numbers(self, labels: Any) -> Tensor:
        """Numbers of labels, `(batch,)`.

        Raises:
            ValueError: If there are none, or one isn't there.
        """
        listed = list(labels) if isinstance(labels, (list, tuple)) else [labels]
        names = self.labels
        numbers = []
        for label in listed:
            if isinstance(label, str) and label in names:
                numbers.append(names.index(label))
            elif isinstance(label, (int, np.integer)) and not isinstance(label, bool) and 0 <= label < len(names):
                numbers.append(int(label))
            else:
                raise ValueError(
                    f"label {label!r} is none of this model's; accepted are {', '.join(names)}, and their numbers from "
                    f"0 to {len(names) - 1}."
                )
        if not numbers:
            raise ValueError(f"labels is an empty list; accepted are {', '.join(names)}, one for each clip.")
        return torch.tensor(numbers)

    def _recordings(self, audio: Any, sampling_rate: int | None, num_clips: int) -> Tensor:
        """Recordings at the model's rate, mono, their peaks 1: `(batch, num_samples)`.

        Raises:
            ValueError: If there are others than one or one for each clip, if one is silent, or their lengths differ.
        """
        clips = load_clips(audio, sampling_rate)
        if len(clips) not in (1, num_clips):
            raise ValueError(f"audio holds {len(clips)} clips for {num_clips} labels: pass one, or one for each label.")
        mono = [
            resample(clip.audio.mean(0, keepdims=True), clip.sampling_rate, self.sampling_rate)[0] for clip in clips
        ]
        if len(lengths := {len(each) for each in mono}) > 1:
            raise ValueError(
                f"the clips in audio are {sorted(lengths)} samples long at {self.sampling_rate} Hz; needed is one "
                "length: cut them, or pass them one after another."
            )
        for number, each in enumerate(mono):
            if not each.any():
                raise ValueError(
                    f"clip {number} of audio is silent as mono at {self.sampling_rate} Hz: needed is one whose "
                    "channels don't cancel each other."
                )
        return torch.stack([torch.from_numpy(each / np.abs(each).max()) for each in mono])
