"""Log-spectral distance, by named convention."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.metrics.power_spectrum import as_pair, bins_between, power_frames

EPS = 1e-12


def ssr_eval_difference(estimate: Tensor, reference: Tensor) -> Tensor:
    """The difference of two log spectra as `ssr_eval` has it.

    ``log10(S^2 / (S_hat + eps)^2 + eps)`` with S the magnitude: asymmetric, and -12 wherever the reference is zero.
    """
    return torch.log10(reference / (estimate.sqrt() + EPS).square() + EPS)


def floored_difference(power_floor: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The difference of two log spectra that both end at `power_floor`."""

    def difference(estimate: Tensor, reference: Tensor) -> Tensor:
        return torch.log10(estimate.clamp(min=power_floor)) - torch.log10(reference.clamp(min=power_floor))

    return difference


@dataclass(frozen=True)
class LSDConvention:
    """How one published LSD is computed.

    Attributes:
        n_fft: FFT size and Hann window length in samples, given the sampling rate in Hz.
        hop_length: Samples between frames, given the sampling rate in Hz.
        pad_mode: What the centred frames see beyond the ends.
        difference: Difference of the logarithms (base 10) of two power spectra (estimate, reference).
    """

    n_fft: Callable[[int], int]
    hop_length: Callable[[int], int]
    pad_mode: str
    difference: Callable[[Tensor, Tensor], Tensor]


LSD_CONVENTIONS = {
    "ssr_eval": LSDConvention(
        n_fft=lambda sampling_rate: int(2_048 / (44_100 / sampling_rate)),
        hop_length=lambda sampling_rate: int(sampling_rate / 100),
        pad_mode="constant",
        difference=ssr_eval_difference,
    ),
    "apbwe": LSDConvention(
        n_fft=lambda sampling_rate: 2_048,
        hop_length=lambda sampling_rate: 512,
        pad_mode="reflect",
        difference=floored_difference(1e-8),
    ),
    "universr": LSDConvention(
        n_fft=lambda sampling_rate: 1_024,
        hop_length=lambda sampling_rate: 256,
        pad_mode="reflect",
        difference=floored_difference(1e-6),
    ),
}


def log_spectral_distance(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    convention: str,
    sampling_rate: int = 48_000,
    f_min: float = 0.0,
    f_max: float | None = None,
) -> Tensor:
    r"""Log-spectral distance of a named convention (lower is better).

    `LSD = mean_t sqrt(mean_f D^2)`, frames `t` centred, periodic Hann window as long as the FFT, `S` the magnitude of
    the reference's STFT, `S_hat` the estimate's, signals of full scale 1. There is no default convention, since the
    same two files score differently by each, and no figure should be printed without its name:

    - `"ssr_eval"` (Liu et al., NVSR, arXiv:2203.14941, and the AudioSR paper):
      `D = log10(S^2 / (S_hat + 1e-12)^2 + 1e-12)`, FFT `int(2048 / (44100 / sampling_rate))` (2229 at 48 kHz),
      hop `sampling_rate / 100`, zeros beyond the ends as `librosa.stft` pads. A bin where the reference is exactly
      zero has `D = -12` whatever the estimate is: each digitally silent frame of the reference scores 12, identical
      or not. A bin where only the estimate is zero scores more than 20, so rounding both to 16 bit changes it.
    - `"apbwe"` (AP-BWE and NU-Wave 2): `D = log10 max(S_hat^2, 1e-8) - log10 max(S^2, 1e-8)`, FFT 2048, hop 512,
      mirrored ends as `torch.stft` pads. Identical signals score 0; what is quieter than the floor does not count.
    - `"universr"` (UniverSR, arXiv:2510.00771): the same with FFT 1024, hop 256 and the floor 1e-6. Its own script
      mixes channels down first, and splits an 8 kHz input's spectrum at bin 80 (3750 Hz) instead of at 4 kHz.

    Both are sensitive to gain: x0.5 alone costs `2 log10 2 = 0.602` wherever the signals are far above the floor.
    Neither sees phase, nor whether an error is audible; a smooth average of possible spectra scores better than a
    realistic one of them.

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape and rate as `estimate`.
        convention: A key of `LSD_CONVENTIONS`.
        sampling_rate: Rate of both in Hz.
        f_min: Only FFT bins centred at this frequency in Hz or above count: the cutoff gives LSD-HF.
        f_max: Only FFT bins centred below this frequency in Hz count: the cutoff gives LSD-LF. None: all.

    Returns:
        One distance per example, `(batch,)`, float64.

    Raises:
        ValueError: If the convention is unknown, the waveforms can't be compared, or no bin is between the frequencies.

    >>> audio = torch.randn(2, 48_000)
    >>> log_spectral_distance(audio, audio, "apbwe")
    tensor([0., 0.], dtype=torch.float64)
    """
    return log_spectral_distances(estimate, reference, convention, [(f_min, f_max)], sampling_rate)[:, 0]


def log_spectral_distances(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    convention: str,
    bands: Sequence[tuple[float, float | None]],
    sampling_rate: int = 48_000,
) -> Tensor:
    """`log_spectral_distance` of several bands from one spectrum.

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape and rate as `estimate`.
        convention: A key of `LSD_CONVENTIONS`.
        bands: `(f_min, f_max)` in Hz of each band; `f_max` None is up to the last bin.
        sampling_rate: Rate of both in Hz.

    Returns:
        Distances `(batch, num_bands)`, float64.

    Raises:
        ValueError: As `log_spectral_distance`.
    """
    return distances_at_gains(estimate, reference, convention, bands, sampling_rate, (1.0,))[0]


def distances_at_gains(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    convention: str,
    bands: Sequence[tuple[float, float | None]],
    sampling_rate: int,
    gains: Sequence[float],
) -> Tensor:
    """`log_spectral_distances` of the estimate times each of `gains`: `(num_gains, batch, num_bands)`.

    A gain multiplies spectra, rounding noise included: the signal is not rounded again.
    """
    if convention not in LSD_CONVENTIONS:
        raise ValueError(f"convention={convention!r} is unknown; accepted: {', '.join(map(repr, LSD_CONVENTIONS))}.")
    estimate, reference = as_pair(estimate, reference)
    definition = LSD_CONVENTIONS[convention]
    n_fft, hop_length = definition.n_fft(sampling_rate), definition.hop_length(sampling_rate)
    if n_fft < 2 or hop_length < 1:
        raise ValueError(f"sampling_rate={sampling_rate} Hz is too low for the convention {convention!r}.")
    selections = [bins_between(f_min, f_max, n_fft, sampling_rate) for f_min, f_max in bands]
    for (f_min, f_max), selection in zip(bands, selections, strict=True):
        if selection.start == selection.stop:
            raise ValueError(
                f"f_min={f_min} Hz and f_max={f_max} Hz have none of the {n_fft // 2 + 1} bins from 0 to "
                f"{sampling_rate / 2} Hz between them."
            )
    squared_gains = [gain**2 for gain in gains]
    total = torch.zeros(len(gains), len(estimate), len(bands), dtype=torch.float64)
    num_frames = 0
    for estimate_power, reference_power in zip(
        power_frames(estimate, n_fft, hop_length, definition.pad_mode),
        power_frames(reference, n_fft, hop_length, definition.pad_mode),
        strict=True,
    ):
        num_frames += reference_power.shape[1]
        for sums, squared_gain in zip(total, squared_gains, strict=True):
            squares = definition.difference(squared_gain * estimate_power, reference_power).square()
            for index, selection in enumerate(selections):
                sums[:, index] += squares[..., selection].mean(-1).sqrt().sum(-1)
    return total / num_frames


def silent_frames(reference: np.ndarray, convention: str, sampling_rate: int = 48_000) -> np.ndarray:
    """Share of a convention's frames in which every sample is exactly zero.

    Args:
        reference: Waveforms `(batch, num_samples)`.
        convention: A key of `LSD_CONVENTIONS` whose frames see zeros beyond the ends.
        sampling_rate: Rate in Hz.

    Returns:
        Shares from 0 to 1, `(batch,)`.
    """
    definition = LSD_CONVENTIONS[convention]
    n_fft, hop_length = definition.n_fft(sampling_rate), definition.hop_length(sampling_rate)
    sounding = np.pad(reference != 0, ((0, 0), (n_fft // 2 + 1, n_fft // 2)))
    counts = np.cumsum(sounding, axis=-1)
    # The first sample of a frame does not count: a periodic Hann window starts with zero.
    starts = np.arange(0, counts.shape[-1] - n_fft, hop_length)
    return (counts[:, starts + n_fft] == counts[:, starts + 1]).mean(-1)
