"""SRC-gAudio as a diffusers pipeline: text and a sampling rate become audio at that rate."""

import math
from collections.abc import Callable
from typing import Any

import torch
from diffusers import AudioLDM2ProjectionModel, AutoencoderKL, SchedulerMixin, UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from transformers import PreTrainedTokenizerBase, SpeechT5HifiGan, T5EncoderModel

from audiosr_pipeline.models.src_gaudio import rate_features
from audiosr_pipeline.pipelines.callbacks import call_back, check_callback
from audiosr_pipeline.pipelines.checks import (
    check_audio_length,
    check_num_inference_steps,
    check_number,
    is_finite,
    take_step,
    takes,
)
from audiosr_pipeline.pipelines.generators import generators_per_clip
from audiosr_pipeline.pipelines.loading import LoadablePipeline
from audiosr_pipeline.pipelines.outputs import GENERATED_OUTPUT_TYPES, GeneratedAudioOutput
from audiosr_pipeline.pipelines.turns import CallState, in_turn

CALLBACK_TENSOR_INPUTS = ["latents"]
# The UNet halves the latents three times; lengths that it halves evenly need no care.
UNET_SCALE_FACTOR = 8
# In tokens; T5 was trained with no more.
LONGEST_PROMPT = 512
# The components that are vocoders, by their rates in Hz.
VOCODERS = {16_000: "vocoder_16k", 24_000: "vocoder_24k", 32_000: "vocoder_32k", 48_000: "vocoder_48k"}


class SRCgAudioPipeline(CallState, LoadablePipeline):
    """Text-to-audio at 16, 24, 32 or 48 kHz by one latent diffusion model, which is told the rate.

    The rate reaches the UNet as a token beside the text's states, if there is a `projection_model`, else as its class
    embedding.

    Args:
        vae: Autoencoder of 64-mel spectrograms of 100 frames a second, AudioLDM's or one of its form.
        text_encoder: T5 encoder, FLAN-T5-large as published.
        tokenizer: Its tokenizer.
        unet: Predicts the noise.
        scheduler: DDIM as published, or another of diffusers' for epsilon-prediction.
        projection_model: Joins the rate's token and the text's states.
        vocoder_16k: From mel to 16 kHz.
        vocoder_24k: To 24 kHz.
        vocoder_32k: To 32 kHz.
        vocoder_48k: To 48 kHz.

    Raises:
        ValueError: If there is no vocoder, a vocoder's rate isn't that of its name or its mel bins are other than the
            others', its frames aren't 10 ms long, or the UNet has no way to be told the rate, or two.
    """

    model_cpu_offload_seq = (
        "text_encoder->projection_model->unet->vae->vocoder_16k->vocoder_24k->vocoder_32k->vocoder_48k"
    )
    _optional_components = ["projection_model", "vocoder_16k", "vocoder_24k", "vocoder_32k", "vocoder_48k"]
    _callback_tensor_inputs = CALLBACK_TENSOR_INPUTS

    def __init__(
        self,
        vae: AutoencoderKL,
        text_encoder: T5EncoderModel,
        tokenizer: PreTrainedTokenizerBase,
        unet: UNet2DConditionModel,
        scheduler: SchedulerMixin,
        projection_model: AudioLDM2ProjectionModel | None = None,
        vocoder_16k: SpeechT5HifiGan | None = None,
        vocoder_24k: SpeechT5HifiGan | None = None,
        vocoder_32k: SpeechT5HifiGan | None = None,
        vocoder_48k: SpeechT5HifiGan | None = None,
    ):
        super().__init__()
        vocoders = dict(zip(VOCODERS, (vocoder_16k, vocoder_24k, vocoder_32k, vocoder_48k), strict=True))
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            projection_model=projection_model,
            **{VOCODERS[rate]: vocoder for rate, vocoder in vocoders.items()},
        )
        present = {rate: vocoder for rate, vocoder in vocoders.items() if vocoder is not None}
        _check_parts(unet, projection_model, present)
        self.vae_scale_factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.sampling_rates = tuple(present)
        self.n_mels: int = next(iter(present.values())).config.model_in_dim
        if self.n_mels % self.vae_scale_factor:
            raise ValueError(
                f"the vocoders take {self.n_mels} mel bins, of which the autoencoder makes patches of "
                f"{self.vae_scale_factor}: they are of different models."
            )

    @in_turn
    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str],
        sampling_rate: int = 48_000,
        audio_length_in_s: float = 10.0,
        num_inference_steps: int = 200,
        guidance_scale: float = 3.0,
        eta: float = 0.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: Callable[..., dict[str, Any] | None] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
    ) -> GeneratedAudioOutput | tuple:
        """Generates a clip for each prompt.

        Args:
            prompt: What is to be heard, one text for each clip.
            sampling_rate: Rate of the audio in Hz, one of `sampling_rates`.
            audio_length_in_s: Length of the clips in seconds, at most 3600.
            num_inference_steps: Denoising steps.
            guidance_scale: Weight of classifier-free guidance, against the empty prompt at the same rate; 1 is none and
                half the work.
            eta: Noise added again in each step, 0-1; only for schedulers that take it (DDIM).
            generator: One per clip in a list, or one for all: then clip i gets a generator seeded by its i-th draw,
                unless there is one clip.
            latents: Initial noise `(batch, latent_channels, num_latent_frames, n_mels / vae_scale_factor)`.
            output_type: "np" for an array, "pt" for a tensor on the CPU.
            return_dict: False returns the fields as a tuple.
            callback_on_step_end: Called as `callback(pipe, step, timestep, tensors)` after each step.
            callback_on_step_end_tensor_inputs: Names among `latents` that it gets and may return changed.

        Returns:
            `GeneratedAudioOutput`: clips at that rate, `round(audio_length_in_s * sampling_rate)` samples each.

        Raises:
            ValueError: If an argument can't be used; the message says what is accepted. If what is generated holds NaN
                or infinite values.
        """
        # 1. Inputs
        prompts = [prompt] if isinstance(prompt, str) else prompt
        if not isinstance(prompts, list) or not prompts or not all(isinstance(each, str) for each in prompts):
            raise ValueError(f"prompt={prompt!r}; accepted are a text and a list of texts, one for each clip.")
        if sampling_rate not in self.sampling_rates:
            present = ", ".join(map(str, self.sampling_rates))
            raise ValueError(f"sampling_rate={sampling_rate}; this model has vocoders for {present}.")
        check_num_inference_steps(num_inference_steps)
        check_number("guidance_scale", guidance_scale, lambda value: value >= 0, "numbers from 0 on; 1 is none")
        check_number("eta", eta, lambda value: 0 <= value <= 1, "0 to 1")
        check_audio_length(audio_length_in_s, sampling_rate)
        if output_type not in GENERATED_OUTPUT_TYPES:
            raise ValueError(f"output_type={output_type!r}; accepted are {', '.join(GENERATED_OUTPUT_TYPES)}.")
        names = getattr(callback_on_step_end, "tensor_inputs", callback_on_step_end_tensor_inputs)
        names = CALLBACK_TENSOR_INPUTS if names is None else names
        check_callback(callback_on_step_end, names, CALLBACK_TENSOR_INPUTS)
        generators = generators_per_clip(generator, len(prompts))
        device = self._execution_device
        num_samples = round(audio_length_in_s * sampling_rate)

        # 2. Condition: the text's and, with guidance, that of the empty prompt; the rate is the same in both
        texts = prompts if guidance_scale == 1 else prompts + [""] * len(prompts)
        condition = self.encode_prompt(texts, sampling_rate)

        # 3. Noise
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        frame_samples = sampling_rate // 100
        num_frames = -(-num_samples // frame_samples)
        multiple = self.vae_scale_factor * UNET_SCALE_FACTOR
        num_latent_frames = -(-num_frames // multiple) * UNET_SCALE_FACTOR
        num_bins = self.n_mels // self.vae_scale_factor
        shape = (len(prompts), self.unet.config.in_channels, num_latent_frames, num_bins)
        if latents is None:
            latents = randn_tensor(shape, generators, device, torch.float32)
        elif tuple(latents.shape) != shape or not is_finite(latents):
            raise ValueError(f"latents are {tuple(latents.shape)}; needed is finite noise of shape {shape}.")
        latents = latents.to(device, torch.float32) * self.scheduler.init_noise_sigma

        # 4. Denoising
        self._guidance_scale, self._num_timesteps, self._interrupt = (
            guidance_scale,
            len(self.scheduler.timesteps),
            False,
        )
        arguments = {"eta": eta, "generator": generators}
        arguments = {name: value for name, value in arguments.items() if takes(self.scheduler, name)}
        with self.progress_bar(total=self._num_timesteps) as bar:
            for step, timestep in enumerate(self.scheduler.timesteps):
                if self.interrupt:
                    break
                noise = self._guided_noise(self.scheduler.scale_model_input(latents, timestep), timestep, condition)
                latents = take_step(self.scheduler, noise, timestep, latents, **arguments)
                latents = call_back(callback_on_step_end, self, step, timestep, latents, names)
                bar.update()

        # 5. Decoding
        mel = self.vae.decode(latents.to(self.vae.dtype) / self.vae.config.scaling_factor).sample
        vocoder = getattr(self, VOCODERS[sampling_rate])
        # A few samples too many come of some kernels.
        audio = vocoder(mel[:, 0].to(vocoder.dtype)).float().reshape(len(prompts), -1)[:, :num_samples].cpu()
        self.maybe_free_model_hooks()
        if not is_finite(audio):
            raise ValueError(
                f"what was generated holds NaN or infinite values; guidance_scale={guidance_scale}, the scheduler "
                f"{type(self.scheduler).__name__} and the dtype {self.unet.dtype} may be to blame."
            )
        output = GeneratedAudioOutput(audio.numpy() if output_type == "np" else audio, sampling_rate)
        return output if return_dict else output.to_tuple()

    def encode_prompt(self, prompts: list[str], sampling_rate: int) -> dict[str, Tensor]:
        """What the UNet is told: the arguments of its call beside latents and timestep.

        Args:
            prompts: One text for each row.
            sampling_rate: In Hz.

        Returns:
            `encoder_hidden_states` `(rows, num_tokens, width)`, `encoder_attention_mask` `(rows, num_tokens)` and, if
            the rate is the UNet's class, `class_labels` `(rows,)`, in kHz.
        """
        device = self._execution_device
        longest = min(self.tokenizer.model_max_length, LONGEST_PROMPT)
        tokens = self.tokenizer(prompts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        tokens = tokens.to(device)
        states = self.text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state
        mask = tokens.attention_mask
        rates = torch.full((len(prompts),), float(sampling_rate), device=device)
        dtype = self.unet.dtype
        if self.projection_model is None:
            condition = {"encoder_hidden_states": states.to(dtype), "class_labels": (rates / 1_000).to(dtype)}
        else:
            # The model takes both masks or none.
            joined = self.projection_model(
                hidden_states=rate_features(rates, states.shape[-1]).to(self.projection_model.dtype),
                hidden_states_1=states.to(self.projection_model.dtype),
                attention_mask=mask.new_ones(len(prompts), 1),
                attention_mask_1=mask,
            )
            condition = {"encoder_hidden_states": joined.hidden_states, "encoder_attention_mask": joined.attention_mask}
        return {
            name: value if name == "encoder_attention_mask" else value.to(dtype) for name, value in condition.items()
        }

    def _guided_noise(self, latents: Tensor, timestep: Tensor, condition: dict[str, Tensor]) -> Tensor:
        """The noise in latents `(batch, ...)`, as guidance has it: `null + scale (conditional - null)`."""
        rows = latents if self.guidance_scale == 1 else torch.cat([latents, latents])
        noise = self.unet(rows.to(self.unet.dtype), timestep, **condition, return_dict=False)[0].float()
        if self.guidance_scale == 1:
            return noise
        conditional, unconditional = noise.chunk(2)
        return unconditional + self.guidance_scale * (conditional - unconditional)


def _check_parts(unet: Any, projection_model: Any, vocoders: dict[int, Any]) -> None:
    """Raises ValueError if parts don't belong together."""
    if not vocoders:
        raise ValueError("there is no vocoder; needed is one or more of vocoder_16k, _24k, _32k and _48k.")
    takes_class = unet.config.class_embed_type is not None
    if takes_class == (projection_model is not None):
        found = (
            "both a projection_model and a UNet with" if takes_class else "neither a projection_model nor a UNet with"
        )
        raise ValueError(f'there is {found} class_embed_type="timestep"; needed is one of them, for the sampling rate.')
    n_mels = {vocoder.config.model_in_dim for vocoder in vocoders.values()}
    if len(n_mels) > 1:
        raise ValueError(f"the vocoders take {sorted(n_mels)} mel bins; needed is one number, as the model has.")
    for rate, vocoder in vocoders.items():
        config = vocoder.config
        if config.sampling_rate != rate:
            raise ValueError(f"{VOCODERS[rate]} is one for {config.sampling_rate} Hz.")
        hop = math.prod(config.upsample_rates)
        if hop != rate // 100:
            raise ValueError(f"{VOCODERS[rate]} makes {hop} samples of a frame; needed are {rate // 100}, 10 ms.")
