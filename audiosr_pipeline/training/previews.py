"""What TensorBoard shows of a run, if it is installed."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

logger = logging.getLogger(__name__)


def open_tensorboard(output: Path, step: int) -> Any:
    """A writer that replaces what an earlier run wrote after `step`, or None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.warning(
            "no curves and previews for TensorBoard, which is missing: run pip install '.[train]' in the folder of "
            "audiosr-pipeline's repository, or pip install tensorboard"
        )
        return None
    return SummaryWriter(output / "tensorboard", purge_step=step + 1)


def show_previews(writer: Any, previews: dict[str, Tensor], step: int) -> None:
    """Writes waveforms as audio and mels as pictures, time to the right and pitch upwards."""
    for name, tensor in previews.items():
        tensor = tensor.float().cpu()
        if tensor.dim() == 1:
            writer.add_audio(name, tensor.clamp(-1, 1)[None], step, sample_rate=48_000)
        else:
            picture = (tensor - tensor.min()) / (tensor.max() - tensor.min()).clamp(min=1e-8)
            writer.add_image(name, picture.mT.flip(0)[None], step)
