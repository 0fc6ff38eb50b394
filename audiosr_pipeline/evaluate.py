"""Scores a folder of estimates against a folder of references."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audiosr_pipeline.audio_io import AUDIO_SUFFIXES, audio_files, read_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.metrics import evaluate_pair
from audiosr_pipeline.metrics.sample_format import round_to_16_bit

SAMPLING_RATE = 48_000
# `ssr_eval` lets lengths differ by fewer samples than this.
LENGTH_TOLERANCE = 100


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        scores: The scores of `metrics.evaluate_pair` for each clip, by name; NaN where there was nothing to measure.
        cut_samples: How many samples at 48 kHz the longer file of each clip was cut by.
        skipped: Why a clip was not scored, by name.
        only_reference: Names that have a reference alone.
        only_estimate: Names that have an estimate alone.
        cutoff_freq: Frequency in Hz above which the estimates are new; None if it was not given.
        sample_format: `"16 bit"` if both signals were rounded to it, else `"as read"`.
    """

    scores: dict[str, dict[str, float]]
    cut_samples: dict[str, int]
    skipped: dict[str, str]
    only_reference: list[str]
    only_estimate: list[str]
    cutoff_freq: float | None
    sample_format: str

    def means(self) -> dict[str, tuple[float, int]]:
        """Mean of each score over the clips that have it, and their number; without scores that no clip has."""
        means = {}
        for name in next(iter(self.scores.values()), {}):
            values = [scores[name] for scores in self.scores.values() if not math.isnan(scores[name])]
            if values:
                means[name] = float(np.mean(values)), len(values)
        return means

    def summary(self) -> str:
        """One line per mean, with the number of clips behind it, after lines that say how it was measured."""
        cutoff = "no cutoff given" if self.cutoff_freq is None else f"cutoff {self.cutoff_freq:g} Hz"
        lines = [
            f"{len(self.scores)} clips scored at {SAMPLING_RATE} Hz, samples {self.sample_format}, {cutoff}",
            f"{len(self.skipped)} skipped, {len(self.only_reference)} without an estimate, "
            f"{len(self.only_estimate)} without a reference, {sum(map(bool, self.cut_samples.values()))} cut in length",
        ]
        lines += [f"{name} {mean:.3f} ({num_clips} clips)" for name, (mean, num_clips) in self.means().items()]
        return "\n".join(lines)

    def write_csv(self, path: Path | str) -> None:
        """Writes one row per scored clip; a score without anything to measure is left empty."""
        names = list(next(iter(self.scores.values()), {}))
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "sample_format", "cutoff_freq", "cut_samples", *names])
            for clip, scores in self.scores.items():
                values = ["" if math.isnan(scores[name]) else f"{scores[name]:.6g}" for name in names]
                cutoff = "" if self.cutoff_freq is None else f"{self.cutoff_freq:g}"
                writer.writerow([clip, self.sample_format, cutoff, self.cut_samples[clip], *values])


def evaluate(
    reference_dir: Path | str,
    estimate_dir: Path | str,
    cutoff_freq: float | None = None,
    to_16_bit: bool = True,
    show_progress: bool = False,
) -> Evaluation:
    """Scores every estimate against the reference of the same name.

    Files are paired by their path below the two folders without its suffix: `speech/a.flac` belongs to `speech/a.wav`.
    Both are resampled to 48 kHz. Lengths may then differ by fewer than 100 samples, as in `ssr_eval`: the longer is cut
    at its end, and counted. A pair whose lengths differ by more, whose numbers of channels differ, or of which a file
    can't be read, is skipped with the reason. Time shifts and levels are left as they are.

    Args:
        reference_dir: Folder of true recordings, searched with its subfolders.
        estimate_dir: Folder of what a system made of them.
        cutoff_freq: Frequency in Hz above which the estimates are new. Without it there are no scores of the new band.
        to_16_bit: Round both signals to 16 bit, which decides what an empty band holds; else compare them as read.
        show_progress: Show a progress bar over the files.

    Returns:
        Scores per clip, and everything that was not scored.

    Raises:
        FileNotFoundError: If a folder doesn't exist.
        ValueError: If a folder holds no audio, two files of a folder have one name, no name is in both folders, or
            `cutoff_freq` is not between 0 and 24 kHz.
    """
    if cutoff_freq is not None and not 0 < cutoff_freq < SAMPLING_RATE / 2:
        raise ValueError(f"cutoff_freq={cutoff_freq} Hz is not between 0 and {SAMPLING_RATE / 2} Hz.")
    references, estimates = named_files(reference_dir), named_files(estimate_dir)
    names = sorted(references.keys() & estimates.keys())
    if not names:
        raise ValueError(
            f"no file of {reference_dir} ({len(references)} audio files) has the name of one of {estimate_dir} "
            f"({len(estimates)}); paired are equal paths below the folders, whatever the suffix."
        )
    evaluation = Evaluation(
        scores={},
        cut_samples={},
        skipped={},
        only_reference=sorted(references.keys() - estimates.keys()),
        only_estimate=sorted(estimates.keys() - references.keys()),
        cutoff_freq=cutoff_freq,
        sample_format="16 bit" if to_16_bit else "as read",
    )
    for name in tqdm(names, desc="evaluate", unit="file", disable=not show_progress):
        try:
            estimate, reference = read_at_48_khz(estimates[name]), read_at_48_khz(references[name])
            num_samples = matching_length(estimate, reference)
            if to_16_bit:
                estimate, reference = round_to_16_bit(estimate), round_to_16_bit(reference)
            scores = evaluate_pair(estimate[:, :num_samples], reference[:, :num_samples], cutoff_freq, SAMPLING_RATE)
        except ValueError as error:
            evaluation.skipped[name] = str(error)
            continue
        evaluation.scores[name] = scores
        evaluation.cut_samples[name] = max(estimate.shape[-1], reference.shape[-1]) - num_samples
    return evaluation


def named_files(folder: Path | str) -> dict[str, Path]:
    """The audio files below a folder, by their path below it without suffix."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder} is not a folder.")
    files: dict[str, Path] = {}
    for path in audio_files(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in files:
            raise ValueError(f"{files[name]} and {path} have the same name but for the suffix; keep one of them.")
        files[name] = path
    if not files:
        raise ValueError(f"{folder} holds no audio files; accepted: {', '.join(AUDIO_SUFFIXES)}.")
    return files


def read_at_48_khz(path: Path) -> np.ndarray:
    """The waveforms `(channels, num_samples)` of a file at 48 kHz."""
    audio, sampling_rate = read_audio(path)
    return resample(audio, sampling_rate, SAMPLING_RATE)


def matching_length(estimate: np.ndarray, reference: np.ndarray) -> int:
    """The length in samples that both `(channels, num_samples)` are compared over."""
    if len(estimate) != len(reference):
        raise ValueError(f"the estimate has {len(estimate)} channels, the reference {len(reference)}.")
    lengths = estimate.shape[-1], reference.shape[-1]
    if abs(lengths[0] - lengths[1]) >= LENGTH_TOLERANCE:
        raise ValueError(
            f"the estimate has {lengths[0]} samples at {SAMPLING_RATE} Hz, the reference {lengths[1]}; "
            f"they may differ by fewer than {LENGTH_TOLERANCE}."
        )
    return min(lengths)
