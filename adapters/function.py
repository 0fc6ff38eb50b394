"""Any other generator, as a function that returns audio and its rate."""

from numbers import Real
from typing import Any

import numpy as np
import torch

from audiosr_pipeline.adapters.adapter import Adapter
from audiosr_pipeline.pipelines.inputs import Clip, load_clips

FORMS = (
    "accepted are (audio, sampling_rate), a dict with 'audio' and 'sampling_rate', or with sampling_rate= passed audio "
    "alone: an array, a tensor or a list of them, or an object with .audios"
)


class FunctionAdapter(Adapter):
    """Returns `(audio, sampling_rate)`, a dict with these keys or, where the rate was passed, audio alone.

    Audio is an array, a tensor or a list of them in the forms that `AudioSRPipeline` takes, or an object with it in
    `.audios`.
    """

    def load(self, output: Any) -> list[Clip]:
        sampling_rate = self.sampling_rate
        if isinstance(output, tuple) and len(output) == 2 and isinstance(output[1], Real):
            sampling_rate = self.agreed_rate(output[1], sampling_rate)
        elif isinstance(output, tuple):
            raise ValueError(f"a tuple of {', '.join(type(item).__name__ for item in output)}; {FORMS}.")
        elif is_dict(output):
            sampling_rate = self.agreed_rate(output.get("sampling_rate"), sampling_rate)
        audio = self.audio_in(output)
        for item in audio if isinstance(audio, list) else [audio]:
            if not isinstance(item, np.ndarray | torch.Tensor):
                raise ValueError(f"a {type(item).__name__} where its audio should be; {FORMS}.")
        # A dict holds one clip, whose two axes are channels and samples.
        return load_clips([audio] if is_dict(output) and not isinstance(audio, list) else audio, sampling_rate)

    def audio_in(self, output: Any) -> Any:
        return output.get("audio") if is_dict(output) else super().audio_in(output)

    def with_audio(self, output: Any, audio: Any, sampling_rate: int) -> Any:
        if isinstance(output, tuple):
            return audio, sampling_rate
        return {**output, "audio": audio} if is_dict(output) else super().with_audio(output, audio, sampling_rate)


def is_dict(output: Any) -> bool:
    """Whether it is a dict in itself: the output objects of diffusers and transformers are one too."""
    return type(output) is dict
