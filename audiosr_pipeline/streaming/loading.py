"""Where a stream's network comes from."""

from pathlib import Path
from typing import Any

from audiosr_pipeline.models.streaming_extension import StreamingExtension
from audiosr_pipeline.pipelines.bundled import WEIGHTS
from audiosr_pipeline.pipelines.weight_checks import load_part

# What ships with the package.
STREAMING_MODEL = "audiosr-mini-streaming"


def load_extension(model: Any) -> StreamingExtension:
    """A network in float32 on the CPU, from a folder or of a name that ships with the package; or as it is passed.

    Raises:
        ValueError: If it is something else, or the folder's weights aren't whole.
        OSError: If the folder holds no such network.
    """
    if isinstance(model, StreamingExtension):
        return model.eval()
    if not isinstance(model, (str, Path)):
        raise ValueError(
            f"model is a {type(model).__name__}; accepted are a StreamingExtension, the folder of one, and the name of "
            f'the one that ships with the package, "{STREAMING_MODEL}". A diffusion pipeline needs whole clips.'
        )
    folder = Path(model)
    if not folder.is_dir():
        folder = WEIGHTS / str(model)
    if not (folder / "config.json").is_file():
        raise OSError(
            f"no streaming model in {model}: accepted are a folder that `audiosr-pipeline train streaming` wrote, with "
            f'config.json and weights, and "{STREAMING_MODEL}".'
        )
    return load_part(StreamingExtension, folder).float().eval()
