"""What all adapters have in common."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from audiosr_pipeline.adapters.replacing import refill, with_copies, with_extras
from audiosr_pipeline.adapters.watching import looks_like_audio
from audiosr_pipeline.pipelines.forms import with_attribute
from audiosr_pipeline.pipelines.inputs import Clip, load_clips


@dataclass
class Call:
    """One call of a generator.

    Args:
        method: Name of the method.
        arguments: What it was called with, by the names of its parameters, with the defaults.
        lengths: True lengths in samples of the clips, where they are noticed on the way.
    """

    method: str = "__call__"
    arguments: dict[str, Any] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)


class Adapter:
    """What must be known of a generator: which methods return audio, where in their output it is, and its rate.

    A class of generators is known by a few attributes:

    - `package`, `classes`: where it comes from, and names; classes derived from it are known too.
    - `methods`: which return audio.
    - `attribute`, `position`: where the audio is in an output object (or dict), and in a tuple.
    - `rates`: paths from the generator to its audio's rate, of which the first that exists counts.
    - `usual_rate`: that of published checkpoints in Hz, where the generator doesn't tell; another can be passed.
    - `lengths`: attribute and position of the true lengths in samples, where clips are padded to the longest.
    - `is_one_clip`: whether an output holds one clip `(channels, num_samples)`, without a batch.
    - `no_audio`: arguments, their values that give no audio (None if left out counts), and what to do instead.
    - `own_rates`: attributes of the generator that users save its audio with.
    - `writers`: methods that would write audio at the generator's own rate.

    Args:
        generator: The generator.
        sampling_rate: Rate of its audio in Hz, for generators that don't tell; one that does must agree.

    Raises:
        ValueError: If the generator tells another rate, or is known not to work.
    """

    package = ""
    classes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("__call__",)
    attribute = "audios"
    position = 0
    rates: tuple[str, ...] = ()
    usual_rate: int | None = None
    lengths: tuple[str, int] | None = None
    is_one_clip = False
    no_audio: dict[str, tuple[tuple, str]] = {}
    own_rates: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    # Whether the rate must be known before a call; else it may come with the audio.
    needs_rate = True

    def __init__(self, generator: Any, sampling_rate: int | None = None):
        self.generator = generator
        own_name = "the generator" if generator is None else classes_of(generator)[0].__name__
        self.name = getattr(generator, "__name__", own_name)
        self.passed_rate = sampling_rate
        self.check()
        self.sampling_rate = self.rate(Call())
        if self.usual_rate is not None and self.sampling_rate != self.usual_rate:
            warnings.warn(
                f"{self.name} doesn't tell the rate of its audio; that of the published checkpoints is "
                f"{self.usual_rate} Hz. It is taken to be at {self.sampling_rate} Hz, as passed.",
                stacklevel=4,
            )

    def check(self) -> None:
        """Raises ValueError if the generator is known not to work."""

    def check_call(self, call: Call) -> None:
        """Raises ValueError if a call would give no audio, or audio whose rate isn't known."""
        for argument, (values, remedy) in {**COMMON_NO_AUDIO, **self.no_audio}.items():
            value = call.arguments.get(argument)
            if any(value is refused or (isinstance(value, str) and value == refused) for refused in values):
                shown = f'"{value}"' if isinstance(value, str) else value
                raise ValueError(f"{argument}={shown} gives no audio; {remedy}.")
        if self.needs_rate and self.rate(call) is None:
            raise ValueError(f"{self.name} doesn't tell the rate of its audio: pass sampling_rate= in Hz.")

    def own_rate(self, call: Call) -> int | None:
        """The rate in Hz that the generator tells; None if it doesn't."""
        for path in self.rates:
            value = self.generator
            for part in path.split("."):
                value = getattr(value, part, None)
            if value is not None:
                return int(value)
        return None

    def rate(self, call: Call) -> int | None:
        """The rate in Hz: told, passed, or both if they agree; else the usual one, if any."""
        own_rate = self.own_rate(call)
        if None not in (own_rate, self.passed_rate) and own_rate != self.passed_rate:
            raise ValueError(
                f"{self.name} generates audio at {own_rate} Hz, but sampling_rate={self.passed_rate} was passed: "
                "leave it out."
            )
        return own_rate or self.passed_rate or self.usual_rate

    def rate_of(self, output: Any, call: Call) -> int | None:
        """The rate in Hz of an output that couldn't be read, as far as it is known."""
        return self.rate(call)

    def tells_rate(self, clips: list[Clip], call: Call) -> bool:
        """Whether the rate of clips was told by the generator, or came with them."""
        return self.own_rate(call) is not None or all(clip.has_rate for clip in clips)

    def networks(self) -> list[nn.Module]:
        """The networks, which leave an accelerator to the upscaler for its turn."""
        components = getattr(self.generator, "components", None)
        parts = components.values() if isinstance(components, dict) else [self.generator]
        return [part for part in parts if isinstance(part, nn.Module)]

    def takes_generator(self, method: Callable[..., Any]) -> bool:
        """Whether a method has a use for `generator=`."""
        return "generator" in parameters_of(method)

    @contextmanager
    def around(self, call: Call) -> Iterator[None]:
        """What a call of the generator needs about it."""
        yield

    def finish(self, output: Any, call: Call) -> Any:
        """What a method returned, generated to its end.

        Raises:
            Exception: What an iterator raises, with the items that it gave before as the error's `output`.
        """
        return output

    def pass_on(self, name: str, result: Any) -> Any:
        """What a method that isn't in `methods` returned; a warning if it looks like audio.

        Raises:
            ValueError: If the generator isn't known, and it looks like audio of its own rate.
        """
        # Weights, and what any network has.
        if not hasattr(nn.Module, name) and looks_like_audio(result):
            warnings.warn(
                f"{self.name}.{name} returned what looks like audio; it is at the generator's own rate, not at 48 kHz. "
                f"Super-resolution is behind {', '.join(self.methods)}.",
                stacklevel=3,
            )
        return result

    def see(self, name: str, value: Any) -> None:
        """Warns if an attribute that is read holds audio of the generator's own rate, or makes such unsaid."""

    def read(self, output: Any, call: Call) -> list[Clip]:
        """The clips of an output, at their true lengths.

        Raises:
            ValueError: If there is no audio in it, or none that can be used.
        """
        try:
            clips = self.load(output, call)
        except ValueError as error:
            hint = ""
            if any(
                parameter.dtype == torch.float16 for network in self.networks() for parameter in network.parameters()
            ):
                hint = " Its networks are in float16, which overflows easily: try bfloat16 or float32."
            raise ValueError(f"what {self.name} returned can't be used: {error}{hint}") from error
        return clips

    def load(self, output: Any, call: Call) -> list[Clip]:
        """As `read`, with errors that don't name the generator."""
        audio = self.audio_in(output)
        if audio is None:
            raise ValueError(f"there is no audio in it ({self.attribute} is None).")
        if self.is_one_clip:
            audio = [audio]
        elif (lengths := self.lengths_in(output, call)) is not None:
            audio = [clip[..., :length] for clip, length in zip(audio, lengths, strict=True)]
        elif isinstance(audio, list):
            spoken = [clip for clip in audio if clip is not None]
            if audio and not spoken:
                return []
            audio = spoken
        return load_clips(audio, self.rate(call))

    def audio_in(self, output: Any) -> Any:
        """The audio in an output, as it stands there."""
        if isinstance(output, tuple):
            return output[self.position]
        if type(output) is dict:
            return output.get(self.attribute)
        return getattr(output, self.attribute, output)

    def lengths_in(self, output: Any, call: Call) -> list[int] | None:
        """The true lengths of its clips in samples, where the output or the call tells."""
        lengths: Any = None
        if self.lengths is not None:
            attribute, position = self.lengths
            is_tuple = isinstance(output, tuple) and len(output) > position
            lengths = output[position] if is_tuple else getattr(output, attribute, None)
        # Of one clip, SeamlessM4T tells it as a tensor without an axis.
        return None if lengths is None else [int(length) for length in np.atleast_1d(lengths)]

    def replace(
        self, output: Any, audios: list[np.ndarray], original: list[np.ndarray], sampling_rate: int, reports: list[Any]
    ) -> Any:
        """An output of the same type with other audio.

        Args:
            output: What the generator returned.
            audios: Audio for each clip in it, shaped as the clip but for its length.
            original: The same to set beside it.
            sampling_rate: Rate of both in Hz.
            reports: One per clip.

        Returns:
            A copy of `output`, with `sampling_rate`, `original` and `reports` as attributes (keys if it is a dict). A
            batch of unequal lengths in one tensor or array is padded with zeros at the end, and lengths that the
            output tells are those of the new audio. Where a list holds None,
            as for a text of which nothing was spoken, so do the new ones.
        """
        form = self.audio_in(output)
        if isinstance(form, list):
            rest = iter(reports)
            reports = [None if item is None else next(rest) for item in form]
        new = self.with_audio(output, refill(form, audios, sampling_rate), sampling_rate)
        new = self.with_lengths(new, [audio.shape[-1] for audio in audios])
        extras = {"sampling_rate": sampling_rate, "original": refill(form, original, sampling_rate), "reports": reports}
        return with_extras(new, extras)

    def with_lengths(self, output: Any, lengths: list[int]) -> Any:
        """A copy of `output` with other lengths in samples, if it tells any."""
        if self.lengths is None or self.lengths_in(output, Call()) is None:
            return output
        attribute, position = self.lengths
        is_tuple = isinstance(output, tuple)
        held = output[position] if is_tuple else getattr(output, attribute)
        new = held.new_tensor(lengths).reshape(held.shape) if isinstance(held, torch.Tensor) else lengths
        if is_tuple:
            return (*output[:position], new, *output[position + 1 :])
        return with_attribute(output, attribute, new)

    def with_audio(self, output: Any, audio: Any, sampling_rate: int) -> Any:
        """A copy of `output` with other audio, and other rate if it holds one."""
        if isinstance(output, tuple):
            return (*output[: self.position], audio, *output[self.position :][1:])
        if type(output) is dict:
            new: Any = {**output, self.attribute: audio}
        elif hasattr(output, self.attribute):
            new = with_attribute(output, self.attribute, audio)
        else:
            return audio
        return with_copies(new, output, self.audio_in(output), audio)[0]


def classes_of(generator: Any) -> tuple[type, ...]:
    """The class of a generator and those that it is derived from; of what `torch.compile` made, those of the model."""
    compiled = vars(generator).get("_modules", {}).get("_orig_mod") if isinstance(generator, nn.Module) else None
    return type(generator if compiled is None else compiled).__mro__


def exhausted(items: Iterator[Any]) -> list[Any]:
    """All items of an iterator; if it raises, those before are the error's `output`."""
    given: list[Any] = []
    try:
        for item in items:
            given.append(item)
    except BaseException as error:
        error.output = given  # type: ignore[attr-defined]
        raise
    return given


# With these values, no generator that is known gives audio.
COMMON_NO_AUDIO: dict[str, tuple[tuple, str]] = {"output_type": (("latent", "mel"), "leave it out")}


def parameters_of(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a method by name; none if they can't be known, as those of some compiled functions."""
    try:
        return dict(inspect.signature(method).parameters)
    except (ValueError, TypeError):
        return {}


def arguments_of(method: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What a method is called with, by the names of its parameters, with the defaults."""
    try:
        signature = inspect.signature(method)
        bound = signature.bind_partial(*args, **kwargs)
    # Of compiled functions, or with arguments that don't fit: then the method itself says so.
    except (ValueError, TypeError):
        return dict(kwargs)
    bound.apply_defaults()
    named = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named.update(named.pop(name, {}))
    return named
