"""A tiny network for streams."""

import pytest
import torch

from audiosr_pipeline.models.streaming_extension import StreamingExtension


@pytest.fixture(scope="session")
def tiny_extension() -> StreamingExtension:
    """Random, and no louder than its first guess by much."""
    torch.manual_seed(0)
    return StreamingExtension(hidden_size=8, intermediate_size=8, num_layers=2, num_bands=16, level_frames=9).eval()
