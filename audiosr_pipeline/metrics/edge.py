"""Where a recording's content steadily ends."""

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.metrics.power_spectrum import as_pair, power_frames
from audiosr_pipeline.metrics.sample_format import ROUNDING_NOISE_POWER
from audiosr_pipeline.metrics.variance_ratio import BINS_PER_CELL, HOP_LENGTH, N_FFT, SOUNDING

STEADY_SHARE = 0.5
# The lowest cutoff that systems are made for. Quiet moments with a hum alone say nothing about where the others end.
SOUNDING_FROM_HZ = 2_000.0


def steady_edge(reference: Tensor | np.ndarray, sampling_rate: int = 48_000) -> float:
    """The frequency up to which a recording has content in at least half of the frames that sound above 2 kHz.

    Lossy coders end at one frequency most of the time and let loud moments through up to another. Which moments is
    nothing that the sound below tells, so what lies between the two has to be guessed like what lies above both.
    Content is a cell of four bins by one frame (FFT 2048, hop 480, Hann) more than 6 dB above the rounding noise of
    16-bit samples. No edge lies above `dsp.cutoff.find_bandwidth`, which knows the skirt of a low-pass.

    Args:
        reference: Waveforms `(channels, num_samples)`.
        sampling_rate: Their rate in Hz.

    Returns:
        The edge in Hz; 0 for silence.

    Raises:
        ValueError: If the waveforms can't be measured.
    """
    audio, _ = as_pair(reference, reference)
    floor = SOUNDING * ROUNDING_NOISE_POWER * float(torch.hann_window(N_FFT).square().sum())
    num_cells = N_FFT // 2 // BINS_PER_CELL
    cell_hz = BINS_PER_CELL * sampling_rate / N_FFT
    first_cell = int(SOUNDING_FROM_HZ / cell_hz)
    num_with_content = torch.zeros(num_cells)
    num_sounding = 0
    for power in power_frames(audio, N_FFT, HOP_LENGTH):
        cells = power[..., : num_cells * BINS_PER_CELL].unflatten(-1, (num_cells, BINS_PER_CELL)).mean(-1)
        has_content = cells > floor
        num_with_content += has_content.sum((0, 1))
        num_sounding += int(has_content[..., first_cell:].any(-1).sum())
    band_edge = find_bandwidth(audio.numpy(), sampling_rate)
    if num_sounding == 0:
        return band_edge
    steady = (num_with_content >= STEADY_SHARE * num_sounding).nonzero()
    return min(float(steady[-1] + 1) * cell_hz if len(steady) else 0.0, band_edge)
