"""Which adapter a generator has."""

import functools
import inspect
from typing import Any

import numpy as np

from audiosr_pipeline.adapters import diffusers_pipelines, own_pipelines, transformers_models
from audiosr_pipeline.adapters.adapter import Adapter, Call, classes_of
from audiosr_pipeline.adapters.audiocraft import AudiocraftAdapter
from audiosr_pipeline.adapters.function import FunctionAdapter
from audiosr_pipeline.adapters.text_to_audio import TextToAudioAdapter

# By package and class: what isn't installed needn't be imported.
ADAPTERS: dict[tuple[str, str], type[Adapter]] = {
    (adapter.package, name): adapter
    for adapter in (
        *diffusers_pipelines.ADAPTERS,
        *own_pipelines.ADAPTERS,
        *transformers_models.ADAPTERS,
        TextToAudioAdapter,
        AudiocraftAdapter,
    )
    for name in adapter.classes
}


def find_adapter(generator: Any, sampling_rate: int | None = None) -> Adapter:
    """The adapter of a generator, by its class or one that it is derived from.

    Any function, and any object with a rate passed, is taken to return audio (see `FunctionAdapter`).

    Raises:
        ValueError: If there is none, or if the generator can't be used as it is.
    """
    if isinstance(generator, type):
        raise ValueError(f"{generator.__name__} is a class; accepted is an object of it, as its constructor returns.")
    for cls in classes_of(generator):
        adapter = ADAPTERS.get((cls.__module__.partition(".")[0], cls.__name__))
        if adapter is not None:
            return adapter(generator, sampling_rate)
    owner = getattr(generator, "__self__", None)
    for cls in type(owner).__mro__ if inspect.ismethod(generator) else ():
        adapter = ADAPTERS.get((cls.__module__.partition(".")[0], cls.__name__))
        if adapter is not None and generator.__name__ in adapter.methods:
            raise ValueError(
                f"{cls.__name__}.{generator.__name__} is a method of a class that is known, with its rate and lengths: "
                f"pass its object, model = with_super_resolution(model, audiosr), and call model.{generator.__name__}."
            )
    is_function = inspect.isroutine(generator) or isinstance(generator, functools.partial)
    if is_function or sampling_rate is not None:
        return FunctionAdapter(generator, sampling_rate)
    packages = dict.fromkeys(package for package, _ in ADAPTERS)
    known = "; ".join(
        f"of {package} {', '.join(name for owner, name in ADAPTERS if owner == package)}" for package in packages
    )
    raise ValueError(
        f"{type(generator).__name__} is no generator that is known. Any other goes as a function that returns "
        "(audio, sampling_rate), with the rate in Hz:\n"
        "    with_super_resolution(lambda *args, **kwargs: (generator(*args, **kwargs), 22_050), audiosr)\n"
        f"Known are {known}."
    )


def read_output(generator: Any, output: Any, sampling_rate: int | None = None) -> tuple[list[np.ndarray], int]:
    """What a generator returned, as clips and their rate, whatever the generator.

    Args:
        generator: What `with_super_resolution` takes; None for audio from elsewhere.
        output: What it returned.
        sampling_rate: Rate in Hz, if neither tells.

    Returns:
        The clips, each `(num_samples,)` or `(channels, num_samples)`, float32, without padding; and their rate in Hz.
        `AudioSRPipeline` takes both as they are.

    Raises:
        ValueError: If the generator isn't known, the rate isn't, or there is no audio in the output.

    >>> output = generator(["rain", "wind"])
    >>> clips, sampling_rate = read_output(generator, output)
    >>> audiosr(clips, sampling_rate).audios
    """
    if generator is None:
        adapter: Adapter = FunctionAdapter(None, sampling_rate)
    else:
        adapter = find_adapter(generator, sampling_rate)
    call = Call()
    clips = adapter.read(adapter.finish(output, call), call)
    if len({clip.sampling_rate for clip in clips}) > 1:
        raise ValueError(
            f"clips of different rates: {', '.join(str(clip.sampling_rate) for clip in clips)} Hz. AudioSRPipeline "
            "takes them as they are, without read_output."
        )
    return [clip.audio[0] if clip.is_flat else clip.audio for clip in clips], clips[0].sampling_rate
