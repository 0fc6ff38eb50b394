"""What the envelope predictor expects of a clip of any length."""

import torch
from torch import Tensor

from audiosr_pipeline.dsp.windows import Window
from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.pipelines.latent_grid import LatentGrid
from audiosr_pipeline.pipelines.onednn import OneDNN


@torch.no_grad()
def expected_mel(
    mel: Tensor, num_low: int, predictor: EnvelopePredictor, grid: LatentGrid, device: torch.device
) -> Tensor:
    """The log-mel spectrogram that is to be expected of an input, predicted in windows.

    Args:
        mel: The input's log-mel spectrogram `(rows, 1, num_frames, n_mels)`.
        num_low: Its bins below the cutoff.
        predictor: The network.
        grid: Of the networks.
        device: Where the predictor runs.

    Returns:
        The same shape.
    """

    def expected(window: Window) -> Tensor:
        frames = mel[:, :, window.start * grid.scale : window.stop * grid.scale]
        with OneDNN():
            return predictor(frames.to(device), num_low)

    return grid.in_windows(expected, mel.shape[2] // grid.scale, grid.scale)
