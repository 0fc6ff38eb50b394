"""What all adapters have in common."""

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from audiosr_pipeline.pipelines.inputs import Clip, load_clips


class Adapter:
    """What must be known of a generator: which methods return audio, where in their output it is, and its rate.

    Args:
        generator: The generator.
        sampling_rate: Rate of its audio in Hz, for generators that don't tell; one that does must agree.

    Raises:
        ValueError: If the generator tells another rate, or is known not to work.
    """

    methods: tuple[str, ...] = ("__call__",)
    # Where the audio is in an output object, and in a tuple.
    attribute = "audios"
    position = 0

    def __init__(self, generator: Any, sampling_rate: int | None = None):
        self.generator = generator
        self.name = "the generator" if generator is None else getattr(generator, "__name__", type(generator).__name__)
        self.check()
        self.sampling_rate = self.agreed_rate(self.own_sampling_rate(), sampling_rate)

    def check(self) -> None:
        """Raises ValueError if the generator is known not to work."""

    def own_sampling_rate(self) -> int | None:
        """The rate in Hz that the generator tells; None if it doesn't."""
        return None

    def agreed_rate(self, own_rate: int | None, sampling_rate: int | None) -> int | None:
        """The rate that was told, the one that was passed, or both if they agree."""
        if None not in (own_rate, sampling_rate) and own_rate != sampling_rate:
            raise ValueError(
                f"{self.name} generates audio at {own_rate} Hz, but sampling_rate={sampling_rate} was passed: "
                "leave it out."
            )
        return sampling_rate if own_rate is None else own_rate

    def networks(self) -> list[nn.Module]:
        """The networks, which leave an accelerator to the upscaler for its turn."""
        components = getattr(self.generator, "components", None)
        parts = components.values() if isinstance(components, dict) else [self.generator]
        return [part for part in parts if isinstance(part, nn.Module)]

    def read(self, output: Any) -> list[Clip]:
        """The clips of an output, at their true lengths.

        Raises:
            ValueError: If there is no audio in it, or none that can be used.
        """
        try:
            clips = self.load(output)
        except ValueError as error:
            hint = ""
            if any(
                parameter.dtype == torch.float16 for network in self.networks() for parameter in network.parameters()
            ):
                hint = " Its networks are in float16, which overflows easily: try bfloat16 or float32."
            raise ValueError(f"what {self.name} returned can't be used: {error}{hint}") from error
        return clips

    def load(self, output: Any) -> list[Clip]:
        """As `read`, with errors that don't name the generator."""
        return load_clips(self.audio_in(output), self.sampling_rate)

    def audio_in(self, output: Any) -> Any:
        """The audio in an output, as it stands there."""
        if isinstance(output, tuple):
            return output[self.position]
        return getattr(output, self.attribute, output)

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
            batch of unequal lengths in one tensor or array is padded with zeros at the end.
        """
        form = self.audio_in(output)
        new = self.with_audio(output, in_form_of(form, audios), sampling_rate)
        extras = {"sampling_rate": sampling_rate, "original": in_form_of(form, original), "reports": reports}
        return with_extras(new, extras)

    def with_audio(self, output: Any, audio: Any, sampling_rate: int) -> Any:
        """A copy of `output` with other audio, and other rate if it holds one."""
        if isinstance(output, tuple):
            items = list(output)
            items[self.position] = audio
            return tuple(items)
        if hasattr(output, self.attribute):
            output = copy.copy(output)
            setattr(output, self.attribute, audio)
            return output
        return audio


def in_form_of(form: Any, audios: list[np.ndarray]) -> Any:
    """Clips arranged as the audio `form` is: a list, or a tensor on its device or an array of one clip or a batch."""
    if isinstance(form, list):
        return [in_form_of(item, [audio]) for item, audio in zip(form, audios, strict=True)]
    if form.ndim == audios[0].ndim:
        (joined,) = audios
    else:
        longest = max(audio.shape[-1] for audio in audios)
        silence = [(0, 0)] * (audios[0].ndim - 1)
        joined = np.stack([np.pad(audio, [*silence, (0, longest - audio.shape[-1])]) for audio in audios])
    return torch.from_numpy(joined).to(form.device) if isinstance(form, torch.Tensor) else joined


class Tuple(tuple):
    """A tuple that can carry attributes."""


class List(list):
    """A list that can carry attributes."""


class Array(np.ndarray):
    """An array that can carry attributes."""


def with_extras(value: Any, extras: dict[str, Any]) -> Any:
    """`value` with more attributes, or keys if it is a dict."""
    if type(value) is dict:
        return {**value, **extras}
    if isinstance(value, np.ndarray):
        value = value.view(Array)
    elif type(value) in (tuple, list):
        value = Tuple(value) if isinstance(value, tuple) else List(value)
    for name, extra in extras.items():
        setattr(value, name, extra)
    return value
