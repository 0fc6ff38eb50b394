"""AudioSR (arXiv:2309.07314) as a diffusers pipeline."""

from collections.abc import Callable
from itertools import zip_longest
from typing import Any, Literal, overload

import numpy as np
import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderDC, AutoencoderKL, SchedulerMixin
from torch import Tensor
from transformers import SpeechT5HifiGan

from audiosr_pipeline.dsp.envelope import adjust_envelope, limit_rise, match_splice
from audiosr_pipeline.dsp.low_band import low_mel_error_db, num_low_mels
from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.pipelines.autoencoding import decode, encode
from audiosr_pipeline.pipelines.bundled import WEIGHTS
from audiosr_pipeline.pipelines.callbacks import call_back
from audiosr_pipeline.pipelines.checks import (
    check_clips,
    check_number,
    check_scheduler,
    is_finite,
    latents_per_clip,
    set_timesteps,
    start_notes,
)
from audiosr_pipeline.pipelines.clip_run import ClipRun, groups_of_equal_length
from audiosr_pipeline.pipelines.envelope_prediction import expected_mel
from audiosr_pipeline.pipelines.generators import copy_generator, generators_per_clip, seeds_of
from audiosr_pipeline.pipelines.inputs import Clip, load_clips, warned
from audiosr_pipeline.pipelines.latent_grid import LatentGrid
from audiosr_pipeline.pipelines.loading import LoadableAudioSR
from audiosr_pipeline.pipelines.outputs import AudioSRPipelineOutput, in_form
from audiosr_pipeline.pipelines.prepared_clip import PreparedClip, prepare_clip
from audiosr_pipeline.pipelines.report import report_of
from audiosr_pipeline.pipelines.sampling import (
    UNCONDITIONAL_LATENT,
    NotFiniteError,
    causes,
    denoise,
    draw_noise,
    miss_notes,
    velocity_in_windows,
)
from audiosr_pipeline.pipelines.settings import CALLBACK_TENSOR_INPUTS, CallSettings
from audiosr_pipeline.pipelines.splice import NotAudioError, Spliced, splice
from audiosr_pipeline.pipelines.turns import CallState, in_turn
from audiosr_pipeline.pipelines.vocoding import VOCODER_FRAMES, vocode
from audiosr_pipeline.pipelines.weight_checks import check_finite_weights

# Where the package's own models lie is asked for here, too.
__all__ = ["WEIGHTS", "AudioSRPipeline"]


class AudioSRPipeline(CallState, LoadableAudioSR):
    """Audio super-resolution: any audio with 2-16 kHz of bandwidth to 48 kHz, what was there left untouched.

    Args:
        vae: Autoencoder of the log-mel spectrogram: `AutoencoderKL` or `AutoencoderDC`.
        unet: `AudioLDM2UNet2DConditionModel` that takes noisy and condition latents, concatenated, and predicts the
            velocity.
        vocoder: Called with mel `(batch, num_frames, n_mels)`, gives `(batch, num_samples)`: `SpeechT5HifiGan` or
            `ISTFTVocoder`.
        feature_extractor: Log-mel front end.
        scheduler: Any diffusers scheduler for v-prediction.
        envelope_predictor: Says what mel spectrogram is to be expected above the cutoff; what is generated is moved
            towards it, frame by frame. None leaves it as the UNet makes it.
        default_num_inference_steps: Steps where a call names none.
        default_guidance_scale: Guidance scale where a call names none.
        default_eta: Eta where a call names none and the scheduler has a use for it.
        window_s: Seconds of the longest clip that the networks see whole, and about of the windows of longer ones.
        unconditional_latent: What the UNet was trained with for "no condition", in latents before their scaling.

    Raises:
        ValueError: If `default_eta` isn't 0 to 1, or `window_s` not above 0.
    """

    model_cpu_offload_seq = "unet->vae->envelope_predictor->vocoder"
    _optional_components = ["envelope_predictor"]
    _callback_tensor_inputs = CALLBACK_TENSOR_INPUTS

    def __init__(
        self,
        # `from_pipe` takes over a network only if its class stands here.
        vae: AutoencoderKL | AutoencoderDC,
        unet: AudioLDM2UNet2DConditionModel,
        vocoder: SpeechT5HifiGan | ISTFTVocoder,
        feature_extractor: MelFeatureExtractor,
        scheduler: SchedulerMixin,
        envelope_predictor: EnvelopePredictor | None = None,
        default_num_inference_steps: int = 50,
        default_guidance_scale: float = 3.5,
        default_eta: float = 1.0,
        window_s: float = 10.24,
        unconditional_latent: float = UNCONDITIONAL_LATENT,
    ):
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
            unconditional_latent=unconditional_latent,
        )
        check_finite_weights(self.components)
        alphas_cumprod = getattr(scheduler, "alphas_cumprod", None)
        # That of the scheduler that came with the UNet; another may take its place.
        self._trained_alphas_cumprod = None if alphas_cumprod is None else alphas_cumprod.detach().cpu().float().clone()
        self.sampling_rate = 48_000 if feature_extractor is None else feature_extractor.sampling_rate
        self.grid = LatentGrid.of_networks(vae, unet, feature_extractor, window_s)
        self.vae_scale_factor = self.grid.scale

    @overload
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
        return_dict: Literal[True] = True,
        callback_on_step_end: Callable[..., dict[str, Any]] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
    ) -> AudioSRPipelineOutput: ...

    @overload
    def __call__(
        self,
        audio: Any,
        sampling_rate: int | None = None,
        *,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        eta: float | None = None,
        cutoff_freq: float | None = None,
        on_full_band: str = "skip",
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        output_type: str = "np",
        return_dict: bool,
        callback_on_step_end: Callable[..., dict[str, Any]] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
    ) -> AudioSRPipelineOutput | tuple: ...

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
        clips = warned(load_clips(audio, sampling_rate))
        check_scheduler(self.scheduler, self._trained_alphas_cumprod)
        settings = CallSettings.of(
            self.config,
            self.scheduler,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            eta=eta,
            cutoff_freq=cutoff_freq,
            on_full_band=on_full_band,
            output_type=output_type,
            callback=callback_on_step_end,
            tensor_inputs=callback_on_step_end_tensor_inputs,
        )
        check_clips(clips, cutoff_freq, self.sampling_rate)
        generators = generators_per_clip(generator, len(clips))
        seeds = seeds_of(generators) if latents is None or settings.draws else [None] * len(clips)
        passed = latents_per_clip(latents, len(clips))
        self._interrupt = False

        # 2. Resampling, cutoff, low-pass, mel spectrogram
        runs = [
            ClipRun(self.preprocess(clip, cutoff_freq, on_full_band), own, seed, row)
            for clip, own, seed, row in zip(clips, generators, seeds, passed, strict=True)
        ]
        for group in groups_of_equal_length(runs):
            if self.interrupt:
                break
            # 3. Condition
            conditions = [self.encode(run.mel) for run in group]
            # 4. Noise
            set_timesteps(self.scheduler, settings.num_inference_steps, self._execution_device)
            notes = start_notes(self.scheduler)
            noise = [self.prepare_latents(conditions[0].shape[2], run.generator, run.latents) for run in group]
            # 5. Denoising
            own = [run.generator for run in group]
            denoised = self.denoise(
                noise, conditions, settings.guidance_scale, settings.eta, own, settings.callback, settings.tensor_inputs
            )
            was_interrupted = self.interrupt
            # Freed as soon as they are used: for ten minutes of stereo they take 240 MB.
            del conditions, noise
            # 6. Decoding
            for run in group:
                if output_type == "latent":
                    generated = run.of_channels(denoised.pop(0)).cpu().numpy()
                else:
                    mel = self.decode(denoised.pop(0))
                    edge = run.prepared.inspection.cutoff_freq, self.feature_extractor.mel_edges
                    miss_db = 0.0 if was_interrupted else low_mel_error_db(mel, run.mel, *edge)
                    run.notes += miss_notes(miss_db, self._causes(self.unet.dtype, settings.guidance_scale))
                    generated = self.vocode(self.adjust(mel, run.prepared), run.prepared)
                    del mel
                run.finish(generated, was_interrupted, notes)

        # 7. The input's own band
        spliced: list[Spliced] = []
        if output_type == "latent":
            audios = [run.generated_or_empty(self._latent_shape(num_latent_frames=0)[1:]) for run in runs]
        else:
            spliced = [self.replace_low_band(run.generated, run.prepared, settings.guidance_scale) for run in runs]
            audios = [each.audio for each in spliced]
        self.maybe_free_model_hooks()
        new_bands = in_form([each.new_band for each in spliced], clips, output_type) if spliced else [None] * len(clips)
        reports = [report_of(run, each, settings, self.name_or_path) for run, each in zip_longest(runs, spliced)]
        output = AudioSRPipelineOutput(in_form(audios, clips, output_type), self.sampling_rate, new_bands, reports)
        return output if return_dict else output.to_tuple()

    def preprocess(self, clip: Clip, cutoff_freq: float | None = None, on_full_band: str = "skip") -> PreparedClip:
        """Resamples a clip, finds its cutoff, low-passes it, normalises its local peak, takes its mel spectrogram."""
        return prepare_clip(clip, self.feature_extractor, self.grid, cutoff_freq, on_full_band)

    def encode(self, mel: Tensor) -> Tensor:
        """The condition: scaled latents of a mel spectrogram `(rows, 1, num_frames, n_mels)`.

        The posterior's mode, where the autoencoder has a posterior: the condition isn't drawn.

        Returns:
            `(rows, latent_channels, num_frames / vae_scale_factor, n_mels / vae_scale_factor)`, float32.
        """
        return encode(mel.to(self._execution_device), self.vae, self.grid)

    def prepare_latents(
        self, num_latent_frames: int, generator: torch.Generator, latents: Tensor | None = None
    ) -> Tensor:
        """Initial noise of one clip, `(1, latent_channels, num_latent_frames, n_mels / vae_scale_factor)`."""
        shape = self._latent_shape(num_latent_frames)
        if latents is None:
            latents = draw_noise(shape, generator, self._execution_device)
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
        callback_on_step_end: Callable[..., dict[str, Any] | None] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
    ) -> list[Tensor]:
        """Runs the scheduler from noise to latents, for clips of equal latent length.

        A clip's channels share its noise, so no panning is invented. The UNet sees windows; its predictions are merged
        before each of the scheduler's steps.

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

        Raises:
            ValueError: If values become NaN or infinite, or are far too large; the message says where.
        """
        num_rows = [len(condition) for condition in conditions]
        latents = torch.cat([clip.expand(count, -1, -1, -1) for clip, count in zip(noise, num_rows, strict=True)])
        condition = torch.cat(conditions)
        if not is_finite(condition):
            raise ValueError(self._no_audio("the vae makes NaN or infinite values of the input", self.vae.dtype, 1))
        # Each channel draws from a copy of its clip's generator: the same noise for all of them.
        rows = [copy_generator(g) for g, count in zip(generators, num_rows, strict=True) for _ in range(count)]
        self._guidance_scale, self._num_timesteps = guidance_scale, len(self.scheduler.timesteps)
        windows = self.grid.windows(latents.shape[2])
        without = torch.full_like(
            condition[:1, :, :1], self.config.unconditional_latent * self.vae.config.scaling_factor
        )

        def predict(scaled: Tensor, timestep: Tensor) -> Tensor:
            scale = self.guidance_scale
            return velocity_in_windows(self.unet, scaled, condition, timestep, scale, without, windows, progress)

        def after_step(step: int, timestep: Tensor, current: Tensor) -> Tensor:
            return call_back(callback_on_step_end, self, step, timestep, current, callback_on_step_end_tensor_inputs)

        with self.progress_bar(total=self._num_timesteps * len(windows)) as progress:
            try:
                denoised = denoise(predict, self.scheduler, latents, eta, rows, after_step, lambda: self.interrupt)
            except NotFiniteError as error:
                raise ValueError(self._no_audio(str(error), self.unet.dtype, self.guidance_scale)) from error
        first_rows = np.cumsum([0, *num_rows[:-1]])
        for clip_generator, row in zip(generators, first_rows, strict=True):
            clip_generator.set_state(rows[row].get_state())
        return list(denoised.split(num_rows))

    def decode(self, latents: Tensor) -> Tensor:
        """The log-mel spectrogram `(rows, 1, num_frames, n_mels)` of scaled latents, see `denoise`."""
        return decode(latents, self.vae, self.grid)

    def adjust(self, mel: Tensor, prepared: PreparedClip) -> Tensor:
        """Adjusts, in place, a generated mel spectrogram's envelope to what is expected and to the input's own.

        Args:
            mel: Generated log-mel, shaped as `prepared.mel`.
            prepared: The clip that it belongs to.

        Returns:
            The same tensor.
        """
        assert prepared.mel is not None
        edge = prepared.inspection.cutoff_freq, self.feature_extractor.mel_edges
        if self.envelope_predictor is not None:
            adjust_envelope(mel, self.expect(prepared.mel, edge[0]), *edge, self.envelope_predictor.adjustment)
        limit_rise(mel, prepared.mel, *edge)
        match_splice(mel, prepared.mel, *edge)
        return mel

    def expect(self, mel: Tensor, cutoff_freq: float) -> Tensor:
        """What the envelope predictor expects above the cutoff of an input's log-mel spectrogram, shaped as that."""
        low = num_low_mels(cutoff_freq, self.feature_extractor.mel_edges)
        return expected_mel(mel, low, self.envelope_predictor, self.grid, self._execution_device)

    def vocode(self, mel: Tensor, prepared: PreparedClip) -> np.ndarray:
        """A mel spectrogram, its low band replaced by the input's, to a waveform at the input's level.

        Args:
            mel: Generated log-mel, shaped as `prepared.mel`.
            prepared: The clip that it belongs to.

        Returns:
            `(channels, num_samples)`, float32.

        Raises:
            ValueError: If the vocoder makes another number of samples of a frame than the feature extractor's hop.
        """
        num_windows = len(self.grid.windows(mel.shape[2] // self.grid.scale, VOCODER_FRAMES))
        with self.progress_bar(total=num_windows) as progress:
            return vocode(mel, prepared, self.vocoder, self.feature_extractor, self.grid, progress)

    def replace_low_band(
        self, waveform: np.ndarray | None, prepared: PreparedClip, guidance_scale: float = 1.0
    ) -> Spliced:
        """Puts the input's own band into the generated waveform.

        Args:
            waveform: `(channels, num_samples)`; None if nothing was generated: the clip is returned resampled.
            prepared: The clip.
            guidance_scale: With which it was generated.

        Raises:
            ValueError: If the waveform is no audio; the message names what may be the cause.
        """
        try:
            return splice(waveform, prepared, self.sampling_rate)
        except NotAudioError as error:
            raise ValueError(self._no_audio(str(error), self.vocoder.dtype, guidance_scale)) from error

    def _latent_shape(self, num_latent_frames: int) -> tuple[int, int, int, int]:
        """Shape of a row of latents."""
        return 1, self.unet.config.out_channels, num_latent_frames, self.feature_extractor.n_mels // self.grid.scale

    def _no_audio(self, what: str, dtype: torch.dtype, guidance_scale: float) -> str:
        """The message for a result that can't be audio, with what may be the cause."""
        return f"{what}, which is no audio. The cause may be {self._causes(dtype, guidance_scale)}."

    def _causes(self, dtype: torch.dtype, guidance_scale: float) -> str:
        """What may be the cause of a wrong result."""
        return causes(self.scheduler, guidance_scale, self.config.default_guidance_scale, dtype)
