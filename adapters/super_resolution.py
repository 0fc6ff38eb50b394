"""48 kHz behind any generator, in one line."""

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import numpy as np
import torch

from audiosr_pipeline.adapters.adapter import Adapter, Call, arguments_of
from audiosr_pipeline.adapters.find import find_adapter
from audiosr_pipeline.adapters.offload import in_place_of, make_room
from audiosr_pipeline.adapters.replacing import with_extras
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.pipelines.inputs import Clip
from audiosr_pipeline.pipelines.outputs import AudioSRReport

ON_ERROR = ("raise", "return_original")
# What each call of the upscaler gets from the wrapper itself.
TAKEN = {"self", "audio", "sampling_rate", "generator", "latents", "output_type", "return_dict"}


def with_super_resolution(
    generator: Any,
    audiosr: AudioSRPipeline,
    sampling_rate: int | None = None,
    on_error: str = "raise",
    **settings: Any,
) -> "SuperResolvedGenerator":
    """Puts super-resolution behind a generator.

    Args:
        generator: A pipeline or model of diffusers, transformers or audiocraft that makes audio (`docs/adapters.md`
            lists them); or a function that returns `(audio, sampling_rate)`, or audio alone if `sampling_rate` is
            passed; or any object with such methods and `sampling_rate` passed.
        audiosr: The upscaler. With a generator on an accelerator it takes turns: it goes there, in the generator's
            dtype, while the generator is on the CPU, and is left on the CPU, rounded to that dtype.
        sampling_rate: Rate of the generator's audio in Hz, for one that doesn't tell.
        on_error: What happens if what was generated can't be read, or the upscaler fails: "raise", with what was
            generated as the error's `output`; or "return_original" with a warning, and the reason in the reports: at
            48 kHz, or untouched at its own rate if it couldn't be read.
        **settings: Arguments for each call of `audiosr`, such as `num_inference_steps`.

    Returns:
        An object that is called like the generator.

    Raises:
        ValueError: If the generator isn't known or can't be used as it is, if it tells another rate, or if an
            argument isn't accepted.

    >>> generator = AudioLDMPipeline.from_pretrained("cvssp/audioldm-s-full-v2")
    >>> audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
    >>> pipe = with_super_resolution(generator, audiosr)
    >>> out = pipe("rain on a tin roof", generator=torch.Generator().manual_seed(0))
    >>> out.audios, out.sampling_rate, out.original, out.reports
    """
    if isinstance(generator, SuperResolvedGenerator):
        raise ValueError(
            f"{generator._adapter.name} is behind super-resolution already; pass the generator itself, "
            "`wrapped.generator`, for other settings."
        )
    if not isinstance(audiosr, AudioSRPipeline):
        raise ValueError(
            f"audiosr is a {type(audiosr).__name__}; accepted is an AudioSRPipeline, such as "
            'AudioSRPipeline.from_pretrained("audiosr-mini").'
        )
    if on_error not in ON_ERROR:
        raise ValueError(f'on_error="{on_error}"; accepted are {", ".join(ON_ERROR)}.')
    accepted = set(inspect.signature(AudioSRPipeline.__call__).parameters) - TAKEN
    if unknown := set(settings) - accepted:
        raise ValueError(f"{', '.join(sorted(unknown))} can't be set; accepted are {', '.join(sorted(accepted))}.")
    return SuperResolvedGenerator(find_adapter(generator, sampling_rate), audiosr, on_error, settings)


class SuperResolvedGenerator:
    """A generator whose audio comes at 48 kHz; made by `with_super_resolution`.

    Its call, or the methods in which the generator returns audio (`generate` and its like), take the generator's own
    arguments and return what the generator returns, with other audio and three more attributes (keys, if it is a
    dict):

    - `sampling_rate`: 48000,
    - `original`: the generator's audio resampled to it, sample for sample beside the new,
    - `reports`: an `AudioSRReport` for each clip.

    Audio is float32, on the device where the generator left it. Clips of unequal lengths in one tensor are padded with
    silence; `reports[i].duration_s` is the length of clip i.

    A `torch.Generator` passed as `generator=` seeds both. A generator without a parameter of that name draws from
    torch's global generator: that is seeded from the one passed for as long as the call lasts.

    Everything else, attributes that are set included, is the generator's own. Of an object that isn't known, a method
    from which audio isn't expected raises ValueError if it returns what looks like audio, and an attribute that does
    gives a warning (`watching.py` has the rule).

    Attributes:
        sampling_rate: 48000.
        generator: The generator.
        audiosr: The upscaler.
    """

    def __init__(self, adapter: Adapter, audiosr: AudioSRPipeline, on_error: str, settings: dict[str, Any]):
        own = {
            "sampling_rate": audiosr.sampling_rate,
            "generator": adapter.generator,
            "audiosr": audiosr,
            "_adapter": adapter,
            "_on_error": on_error,
            "_settings": settings,
        }
        if "__call__" in adapter.methods:
            # Those of some compiled functions can't be known.
            with suppress(ValueError, TypeError):
                own["__signature__"] = inspect.signature(adapter.generator)
        vars(self).update(own)

    @property
    def sample_rate(self) -> int:
        """`sampling_rate` as audiocraft calls it: its users save with the model's `sample_rate`."""
        return self.sampling_rate

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What a call of the generator returns, with its audio at 48 kHz if calls return audio."""
        if "__call__" in self._adapter.methods:
            return self._generate("__call__", self.generator, args, kwargs)
        return self._adapter.pass_on("__call__", self.generator(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        # Protocols such as copying and pickling look at an object before it has a generator.
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self.generator, name)
        if name in self._adapter.own_rates:
            return self.sampling_rate
        if name in self._adapter.writers:
            raise AttributeError(
                f"{name} of {self._adapter.name} writes at the generator's own rate, in which 48 kHz would play too "
                "slow. Write with soundfile.write(path, audio, sampling_rate) and the output's sampling_rate."
            )
        is_generation = name in self._adapter.methods
        if not is_generation and not inspect.isroutine(value) and not isinstance(value, functools.partial):
            self._adapter.see(name, value)
            return value

        @functools.wraps(value)
        def method(*args: Any, **kwargs: Any) -> Any:
            if is_generation:
                return self._generate(name, value, args, kwargs)
            result = value(*args, **kwargs)
            # `to`, `half`, `eval` and others return the generator to be chained, others a copy.
            if result is self.generator:
                return self
            if type(result) is type(self.generator):
                adapter = find_adapter(result, self._adapter.passed_rate)
                return SuperResolvedGenerator(adapter, self.audiosr, self._on_error, self._settings)
            return self._adapter.pass_on(name, result)

        return method

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self):
            vars(self)[name] = value
        else:
            setattr(self.generator, name, value)

    def _generate(self, name: str, method: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        """Calls the generator and puts its audio at 48 kHz in the place of the audio that it returned."""
        adapter = self._adapter
        call = Call(name, arguments_of(method, args, kwargs))
        adapter.check_call(call)
        make_room(adapter.networks(), self.audiosr)
        seed = kwargs.get("generator")
        takes_seed = seed is None or adapter.takes_generator(method)
        if not takes_seed:
            del kwargs["generator"]
        with adapter.around(call), nullcontext() if takes_seed else _global_seed(seed, adapter.name):
            output = adapter.finish(method(*args, **kwargs), call)
        # Generating may have taken long: whatever happens from here on, what was generated isn't lost.
        try:
            return self._at_48_khz(output, call, seed)
        except BaseException as error:
            error.output = output  # type: ignore[attr-defined]
            if self._on_error == "raise" or not isinstance(error, Exception):
                raise
            reason = f"{type(error).__name__}: {error}"
        warnings.warn(f"what was generated is returned as it is, not at 48 kHz: {reason}", stacklevel=3)
        return self._untouched(output, call, reason)

    def _at_48_khz(self, output: Any, call: Call, seed: torch.Generator | list[torch.Generator] | None) -> Any:
        """What the generator returned, with its audio at 48 kHz in place."""
        adapter = self._adapter
        clips = adapter.read(output, call)
        original = [_in_shape(resample(clip.audio, clip.sampling_rate, self.sampling_rate), clip) for clip in clips]
        try:
            with in_place_of(adapter.networks(), self.audiosr):
                audios, reports = self._super_resolve(clips, seed)
        except Exception as error:
            if self._on_error == "raise":
                raise
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"super-resolution failed, the original is returned at 48 kHz: {reason}", stacklevel=4)
            audios, reports = [audio.copy() for audio in original], [_failed(clip, reason) for clip in clips]
        if not adapter.tells_rate(clips, call) and any(report.action == "left_alone" for report in reports):
            warnings.warn(
                f"what {adapter.name} returned was left alone as full band at {clips[0].sampling_rate} Hz. If it "
                "sounds too high and fast, that isn't its rate.",
                stacklevel=4,
            )
        return adapter.replace(output, audios, original, self.sampling_rate, reports)

    def _untouched(self, output: Any, call: Call, reason: str) -> Any:
        """What the generator returned, with its own rate, if that is known, and a report, if it can carry them."""
        with suppress(AttributeError, TypeError, ValueError):
            rate = self._adapter.rate_of(output, call)
            report = AudioSRReport(rate or 0, 0, 0.0, 0.0, 0.0, "failed", reason)
            extras: dict[str, Any] = {} if rate is None else {"sampling_rate": rate}
            return with_extras(output, {**extras, "original": None, "reports": [report]})
        return output

    def _super_resolve(
        self, clips: list[Clip], seed: torch.Generator | list[torch.Generator] | None
    ) -> tuple[list[np.ndarray], list[AudioSRReport]]:
        """Runs the upscaler: audio and report of each clip."""
        if not clips:
            return [], []
        seeds = None
        if seed is not None:
            # New ones on the CPU, so that their seeds are reported and the device on which the noise is drawn fits.
            seeds = [
                torch.Generator().manual_seed(_draw(generator))
                for generator in (seed if isinstance(seed, list) else [seed] * len(clips))
            ]
        audios = [{"audio": _in_shape(clip.audio, clip), "sampling_rate": clip.sampling_rate} for clip in clips]
        out = self.audiosr(audios, generator=seeds, **self._settings)
        return list(out.audios), out.reports


def _in_shape(audio: np.ndarray, clip: Clip) -> np.ndarray:
    """`(channels, num_samples)` shaped as the clip came."""
    return audio[0] if clip.is_flat else audio


def _draw(generator: torch.Generator) -> int:
    """A seed drawn from a generator."""
    return int(torch.randint(2**31, (1,), generator=generator, device=generator.device))


@contextmanager
def _global_seed(generator: Any, name: str) -> Iterator[None]:
    """Within the block torch's global generators are seeded from `generator`; after it they are as they were."""
    if not isinstance(generator, torch.Generator):
        raise ValueError(
            f"generator is a {type(generator).__name__}, but {name} draws from torch's global generator, which a "
            "single torch.Generator can seed."
        )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(_draw(generator))
        yield


def _failed(clip: Clip, reason: str) -> AudioSRReport:
    """The report on a clip that the upscaler failed on."""
    return AudioSRReport(
        sampling_rate=clip.sampling_rate,
        num_channels=len(clip.audio),
        duration_s=clip.audio.shape[-1] / clip.sampling_rate,
        cutoff_freq=0.0,
        bandwidth=0.0,
        action="failed",
        reason=reason,
        peak=float(np.abs(clip.audio).max()),
    )
