"""What costs nothing and a model has to beat: noise of the training set's mean spectrum above the cutoff.

    python -m benchmarks.baselines.noise --manifest manifest.csv --output benchmarks/training_spectrum.csv

writes that spectrum.
"""

import argparse
import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from tqdm import tqdm

from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import SAMPLING_RATE, read_at_48_khz
from audiosr_pipeline.metrics.sample_format import ROUNDING_NOISE_POWER
from benchmarks.baselines.systems import Output

TRAINING_SPECTRUM = Path(__file__).parents[1] / "training_spectrum.csv"
# Share-alike, unstated and per-file licences are left out, as in training.
FREE_LICENCE = re.compile(r"CC0(-1\.0)?|Public domain|CC-BY(-\d\.\d)?")
SPECTRUM_N_FFT = 512
LEVEL_WINDOW_S = 0.02


class ShapedNoise:
    """The input plus noise above its cutoff.

    White noise is shaped to a spectrum; its level is the one that, in the octave below the cutoff, equals the input's.
    The cutoff is told by what the loop hands over, `cutoff_freq`.

    Args:
        follows_level: Whether levels are matched in windows of 20 ms, and not once per clip.
        spectrum: `(num_points, 2)`, see `training_spectrum`; by default that of `audiosr-mini`'s training set.
    """

    def __init__(self, follows_level: bool, spectrum: np.ndarray | None = None):
        self.follows_level = follows_level
        self.spectrum = np.loadtxt(TRAINING_SPECTRUM, delimiter=",") if spectrum is None else spectrum

    def __call__(
        self, audio: Mapping[str, Any], sampling_rate: int | None = None, generator: torch.Generator | None = None
    ) -> Output:
        """An entry at 48 kHz with noise above its `cutoff_freq`; the generator's seed decides the noise."""
        resampled = resample(audio["audio"], audio["sampling_rate"], SAMPLING_RATE)
        seed = None if generator is None else generator.initial_seed()
        return Output([self.add_noise(resampled, audio["cutoff_freq"], seed)])

    def add_noise(self, audio: np.ndarray, cutoff_freq: float, seed: int | None) -> np.ndarray:
        """Adds it to low-passed audio `(channels, num_samples)` at 48 kHz."""
        frequencies = np.fft.rfftfreq(audio.shape[-1], 1 / SAMPLING_RATE)
        octave = (frequencies >= cutoff_freq / 2) & (frequencies < cutoff_freq)
        white = np.fft.rfft(np.random.default_rng(seed).standard_normal(audio.shape))
        shaped = white * 10 ** (np.interp(frequencies, self.spectrum[:, 0], self.spectrum[:, 1]) / 20)

        def part(transform: np.ndarray, selection: np.ndarray) -> np.ndarray:
            return np.fft.irfft(transform * selection, audio.shape[-1])

        wanted = part(np.fft.rfft(audio), octave) ** 2
        power = (
            ndimage.uniform_filter1d(wanted, round(LEVEL_WINDOW_S * SAMPLING_RATE), axis=-1)
            if self.follows_level
            else wanted.mean(-1, keepdims=True)
        )
        # A running mean of squares can come out a rounding error below zero.
        gain = np.sqrt(np.maximum(power, 0) / (part(shaped, octave) ** 2).mean(-1, keepdims=True))
        return (audio + gain * part(shaped, frequencies >= cutoff_freq)).astype(np.float32)


def training_spectrum(paths: list[Path]) -> np.ndarray:
    """Mean log magnitude spectrum of recordings.

    Frames of 512 samples at 48 kHz (Hann, no overlap), power floored at 16-bit rounding noise, in dB, averaged over the
    frames that aren't digital silence and over channels, then over the clips, which all count alike.

    Args:
        paths: Audio files.

    Returns:
        `(257, 2)`: frequency in Hz, level in dB.
    """
    window = np.hanning(SPECTRUM_N_FFT + 1)[:-1]
    floor = ROUNDING_NOISE_POWER * (window**2).sum()
    levels = []
    for path in tqdm(paths, desc="training spectrum", unit="file"):
        audio = read_at_48_khz(path)
        audio = audio[:, : audio.shape[1] // SPECTRUM_N_FFT * SPECTRUM_N_FFT]
        frames = audio.reshape(-1, SPECTRUM_N_FFT)
        frames = frames[frames.any(-1)]
        if len(frames):
            power = np.abs(np.fft.rfft(frames * window)) ** 2
            levels.append((10 * np.log10(np.maximum(power, floor))).mean(0))
    return np.stack([np.fft.rfftfreq(SPECTRUM_N_FFT, 1 / SAMPLING_RATE), np.mean(levels, axis=0)], axis=1)


def free_training_files(manifest: Path) -> list[Path]:
    """The files of a manifest's `train` split whose licence is CC0, public domain or CC-BY."""
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    return [manifest.parent / row["path"] for row in rows if FREE_LICENCE.fullmatch(row["licence"])]


def main() -> None:
    """Reads the training set, and writes its spectrum."""
    description = "Writes the training set's mean spectrum."
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baselines.noise", description=description)
    parser.add_argument("--manifest", required=True, type=Path, help="CSV with path, split and licence of each file")
    parser.add_argument("--output", type=Path, default=TRAINING_SPECTRUM, help="CSV file to write")
    arguments = parser.parse_args()
    paths = free_training_files(arguments.manifest)
    if not paths:
        parser.error(f"{arguments.manifest} has no training file with a free licence")
    header = (
        f"Mean log magnitude spectrum of the {len(paths)} training clips (CC0, public domain, CC-BY)\n"
        f"frames of {SPECTRUM_N_FFT} at {SAMPLING_RATE} Hz without digital silence; clips count alike\n"
        "frequency in Hz, level in dB"
    )
    np.savetxt(arguments.output, training_spectrum(paths), fmt=("%.2f", "%.3f"), delimiter=",", header=header)


if __name__ == "__main__":
    main()
