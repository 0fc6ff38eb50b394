"""transformers' text-to-audio pipeline: a dict with `audio` and `sampling_rate`, or a list of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import nn
from typing_extensions import override

from audiosr_pipeline.adapters.adapter import Adapter, Call, classes_of, exhausted
from audiosr_pipeline.adapters.diffusers_pipelines import replaced
from audiosr_pipeline.adapters.transformers_models import ADAPTERS
from audiosr_pipeline.pipelines.inputs import Clip, load_clips

# Models of which the pipeline returns no audio, what it returns, and what to do.
BROKEN = {
    "FastSpeech2ConformerWithHifiGan": (
        "the spectrogram of FastSpeech2ConformerWithHifiGan, not its waveform",
        "with_super_resolution(pipeline.model, audiosr)",
    ),
    "Qwen2_5OmniForConditionalGeneration": (
        "the token ids of Qwen2_5OmniForConditionalGeneration as audio",
        "with_super_resolution(pipeline.model, audiosr).generate(**inputs)",
    ),
    "Qwen3OmniMoeForConditionalGeneration": (
        "the token ids of Qwen3OmniMoeForConditionalGeneration as audio",
        "with_super_resolution(pipeline.model, audiosr).generate(**inputs)",
    ),
}


class TextToAudioAdapter(Adapter):
    """transformers `pipeline("text-to-audio")`, with any model."""

    package = "transformers"
    classes = ("TextToAudioPipeline",)
    rates = ("sampling_rate",)

    @override
    def check(self) -> None:
        name = next((cls.__name__ for cls in classes_of(self.generator.model) if cls.__name__ in BROKEN), None)
        if name is not None:
            what, remedy = BROKEN[name]
            raise ValueError(f"transformers' text-to-audio pipeline returns {what}. Pass the model itself: {remedy}.")

    @override
    def networks(self) -> list[nn.Module]:
        return [part for part in (self.generator.model, self.generator.vocoder) if part is not None]

    @contextmanager
    def around(self, call: Call) -> Iterator[None]:
        """Notes the lengths that the model tells, which the pipeline drops."""
        model = self.generator.model
        names = {cls.__name__ for cls in classes_of(model)}
        adapter = next((adapter for adapter in ADAPTERS if not names.isdisjoint(adapter.classes)), None)
        if adapter is None or adapter.lengths is None:
            yield
            return
        reader = object.__new__(adapter)

        def note(output: Any) -> Any:
            call.lengths.extend(reader.lengths_in(output, call) or [])
            return output

        if "generate" in adapter.methods:
            generate: Callable[..., Any] = model.generate
            with replaced(model, "generate", lambda *args, **kwargs: note(generate(*args, **kwargs))):
                yield
        else:
            hook = model.register_forward_hook(lambda model, inputs, output: note(output))
            try:
                yield
            finally:
                hook.remove()

    @override
    def finish(self, output: Any, call: Call) -> Any:
        # Of texts that come from an iterator, the pipeline returns one.
        return exhausted(output) if isinstance(output, Iterator) else output

    @override
    def load(self, output: Any, call: Call) -> list[Clip]:
        items = output if isinstance(output, list) else [output]
        audios = [item["audio"] for item in items]
        if len(call.lengths) == len(audios):
            audios = [audio[..., :length] for audio, length in zip(audios, call.lengths, strict=True)]
        for audio in audios:
            values = np.asarray(audio)
            if values.size and np.abs(values).max() > 1 and (values == np.round(values)).all():
                raise ValueError("whole numbers, such as token ids or codes, where its audio should be.")
        return load_clips(audios, self.rate(call))

    @override
    def replace(
        self, output: Any, audios: list[np.ndarray], original: list[np.ndarray], sampling_rate: int, reports: list[Any]
    ) -> Any:
        items = output if isinstance(output, list) else [output]
        new = [
            {**item, "audio": audio, "sampling_rate": sampling_rate, "original": before, "reports": [report]}
            for item, audio, before, report in zip(items, audios, original, reports, strict=True)
        ]
        return new if isinstance(output, list) else new[0]
