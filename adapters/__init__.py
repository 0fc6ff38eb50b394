"""48 kHz behind other audio generators; and what they return, as clips with a sampling rate."""

from audiosr_pipeline.adapters.find import read_output
from audiosr_pipeline.adapters.super_resolution import SuperResolvedGenerator, with_super_resolution

__all__ = ["SuperResolvedGenerator", "read_output", "with_super_resolution"]
