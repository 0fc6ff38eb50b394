"""Scores folders of estimates against a folder of references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audiosr_pipeline.audio_io import AUDIO_SUFFIXES, audio_files, audio_format, passed_over, read_audio
from audiosr_pipeline.csv_files import number_text, read_csv, write_csv
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluation_settings import LENGTH_TOLERANCE, TABLES
from audiosr_pipeline.metrics.bootstrap import Mean, bootstrap_means
from audiosr_pipeline.metrics.pair import evaluate_pair
from audiosr_pipeline.metrics.perceptual import perceptual_scores
from audiosr_pipeline.metrics.sample_format import round_to_16_bit
from audiosr_pipeline.tables import aligned_table
from audiosr_pipeline.writing import clear_left_parts, written_whole

SAMPLING_RATE = 48_000
# A delay from here on is worth a word, if the correlation says that it is one.
NOTICED_DELAY_SAMPLES = 0.5
TELLING_CORRELATION = 0.5

# A row of a table; the first is its header.
Row = tuple[object, ...]


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        scores: The scores of `metrics.evaluate_pair` for each clip, by name; NaN where there was nothing to measure.
        cut_samples: How many samples at 48 kHz the longer file of each clip was cut by.
        file_formats: Sample format and rate of the reference's and the estimate's file, by name.
        skipped: Why a clip was not scored, by name.
        only_reference: Names that have a reference alone.
        only_estimate: Names that have an estimate alone.
        cutoff_freq: Frequency in Hz above which the estimates are new; None if it was not given.
        sample_format: `"16 bit"` if both signals were rounded to it, else `"as read"`.
        passed_over: Lines that count and name what isn't taken for audio in the two folders.
    """

    scores: dict[str, dict[str, float]]
    cut_samples: dict[str, int]
    file_formats: dict[str, tuple[str, str]]
    skipped: dict[str, str]
    only_reference: list[str]
    only_estimate: list[str]
    cutoff_freq: float | None
    sample_format: str
    passed_over: list[str]

    def means(self, seed: int = 0) -> dict[str, Mean]:
        """Mean of each score over the clips that have it, see `bootstrap_means`; without scores that no clip has."""
        return _means(list(self.scores.values()), seed)

    def differences(self, baseline: "Evaluation", seed: int = 0) -> dict[str, Mean]:
        """Means of each score less that of `baseline`, clip by clip, over the clips that have it in both.

        Clips are alike in what makes them hard, so this tells two systems apart where their own intervals overlap.
        """
        pairs = [(scores, baseline.scores[name]) for name, scores in self.scores.items() if name in baseline.scores]
        differences = [
            {name: score - other[name] for name, score in scores.items() if not name.startswith("reference_")}
            for scores, other in pairs
        ]
        return _means(differences, seed)

    def unscored(self) -> dict[str, str]:
        """Why a name has no scores, for each that has none: skipped, or without a partner."""
        without = dict.fromkeys(self.only_reference, "has no estimate")
        return self.skipped | without | dict.fromkeys(self.only_estimate, "has no reference")

    def account(self) -> str:
        """In one line, what was scored, what wasn't, and what is peculiar about the files."""
        parts = [
            f"{len(self.scores)} clips scored",
            f"{len(self.skipped)} skipped",
            f"{len(self.only_reference)} without an estimate",
            f"{len(self.only_estimate)} without a reference",
            f"{sum(map(bool, self.cut_samples.values()))} cut in length",
        ]
        rates = [{file.rpartition(" at ")[2] for file in files} for files in self.file_formats.values()]
        if num_unequal := sum(len(of_pair) > 1 for of_pair in rates):
            parts.append(f"{num_unequal} of unequal rates")
        if num_silent := sum(scores["reference_silent"] == 1 for scores in self.scores.values()):
            parts.append(f"{num_silent} with a silent reference")
        alike = {n: s for n, s in self.scores.items() if abs(s["low_band_correlation"]) >= TELLING_CORRELATION}
        delays = {n: s["delay_samples"] for n, s in alike.items() if abs(s["delay_samples"]) >= NOTICED_DELAY_SAMPLES}
        if delays:
            name, delay = max(delays.items(), key=lambda item: abs(item[1]))
            parts.append(
                f"{len(delays)} shifted, most {name}: {abs(delay):.1f} samples {'late' if delay > 0 else 'early'}"
            )
        if inverted := [name for name, scores in alike.items() if scores["low_band_correlation"] < 0]:
            parts.append(f"{len(inverted)} of inverted polarity, such as {inverted[0]}")
        return ", ".join(parts)


def evaluate(
    reference_dir: Path | str,
    estimate_dir: Path | str,
    cutoff_freq: float | None = None,
    to_16_bit: bool = True,
    show_progress: bool = False,
    length_tolerance: int = LENGTH_TOLERANCE,
    perceptual: bool = False,
) -> Evaluation:
    """Scores every estimate against the reference of the same name.

    Files are paired by their path below the two folders without its suffix: `speech/a.flac` belongs to `speech/a.wav`.
    Both are resampled to 48 kHz. Lengths may then differ by fewer than 100 samples, as in `ssr_eval`: the longer is cut
    at its end, and counted. A pair whose lengths differ by more, whose numbers of channels differ, or of which a file
    can't be read, is skipped with the reason. Time shifts and levels are measured and left as they are. A reference of
    digital silence is scored, as `evaluate_pair` defines it, and counted.

    Args:
        reference_dir: Folder of true recordings, searched with its subfolders.
        estimate_dir: Folder of what a system made of them.
        cutoff_freq: Frequency in Hz above which the estimates are new. Without it there are no scores of the new band.
        to_16_bit: Round both signals to 16 bit, which decides what an empty band holds; else compare them as read.
        show_progress: Show a progress bar over the files.
        length_tolerance: Lengths may differ by fewer samples than this, at 48 kHz.
        perceptual: Also take the `metrics.perceptual_scores`; a second of audio takes about two.

    Returns:
        Scores per clip, and everything that was not scored.

    Raises:
        FileNotFoundError: If a folder doesn't exist.
        ValueError: If a folder holds no audio, two files of a folder have one name, no name is in both folders, or
            `cutoff_freq` is not between 0 and 24 kHz.
        ImportError: If `perceptual` is asked for and its packages are missing.
    """
    if cutoff_freq is not None and not 0 < cutoff_freq < SAMPLING_RATE / 2:
        raise ValueError(f"cutoff_freq={cutoff_freq} Hz is not between 0 and {SAMPLING_RATE / 2} Hz.")
    references, estimates = named_files(reference_dir), named_files(estimate_dir)
    names = sorted(references.keys() & estimates.keys())
    if not names:
        raise ValueError(
            f"no file of {reference_dir} ({len(references)} audio files) has the name of one of {estimate_dir} "
            f"({len(estimates)}), such as {min(references)!r} and {min(estimates)!r}; paired are equal paths below the "
            "folders, whatever the suffix."
        )
    evaluation = Evaluation(
        scores={},
        cut_samples={},
        file_formats={},
        skipped={},
        only_reference=sorted(references.keys() - estimates.keys()),
        only_estimate=sorted(estimates.keys() - references.keys()),
        cutoff_freq=cutoff_freq,
        sample_format="16 bit" if to_16_bit else "as read",
        passed_over=[*passed_over(reference_dir), *passed_over(estimate_dir)],
    )
    for name in tqdm(names, desc=Path(estimate_dir).name, unit="file", disable=not show_progress):
        try:
            file_formats = audio_format(references[name]), audio_format(estimates[name])
            estimate, reference = read_at_48_khz(estimates[name]), read_at_48_khz(references[name])
            num_samples = matching_length(estimate, reference, length_tolerance)
            if to_16_bit:
                estimate, reference = round_to_16_bit(estimate), round_to_16_bit(reference)
            pair = estimate[:, :num_samples], reference[:, :num_samples]
            scores = evaluate_pair(*pair, cutoff_freq, SAMPLING_RATE)
            if perceptual:
                scores |= perceptual_scores(*pair, SAMPLING_RATE)
        except ValueError as error:
            evaluation.skipped[name] = str(error)
            continue
        evaluation.scores[name] = scores
        evaluation.file_formats[name] = file_formats
        evaluation.cut_samples[name] = max(estimate.shape[-1], reference.shape[-1]) - num_samples
    return evaluation


def write_tables(evaluations: Mapping[str, Evaluation], folder: Path | str, seed: int = 0) -> None:
    """Writes `TABLES`, each whole or not at all, in place of those that are there; see `write_csv`.

    What killed processes have left of them is removed.

    Args:
        evaluations: By system; differences are to the first.
        folder: Where to write, made if it isn't there.
        seed: Of the resampling.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    clear_left_parts(folder, TABLES)
    tables = (
        _score_rows(evaluations),
        _summary_rows(evaluations, seed),
        _difference_rows(evaluations, seed),
        _skipped_rows(evaluations),
    )
    for name, rows in zip(TABLES, tables, strict=True):
        with written_whole(Path(folder) / name) as temporary:
            write_csv(temporary, rows)


def summary(evaluations: Mapping[str, Evaluation], seed: int = 0) -> str:
    """What was measured how, and the mean of each score with its interval, in lines.

    Args:
        evaluations: By system, of the same settings; differences are to the first.
        seed: Of the resampling.
    """
    first = next(iter(evaluations.values()))
    cutoff = "no cutoff given" if first.cutoff_freq is None else f"cutoff {first.cutoff_freq:g} Hz"
    lines = [f"compared at {SAMPLING_RATE} Hz, samples {first.sample_format}, {cutoff}"]
    lines += [f"{system}: {evaluation.account()}" for system, evaluation in evaluations.items()]
    lines += ["", "mean over the clips [bootstrap 95 % interval]"]
    lines += _text_table({system: evaluation.means(seed) for system, evaluation in evaluations.items()}, "")
    if len(evaluations) > 1:
        baseline = next(iter(evaluations))
        lines += ["", f"difference to {baseline}, clip by clip [bootstrap 95 % interval]"]
        lines += _text_table(_differences(evaluations, seed), "+")
    return "\n".join(lines)


def _means(rows: list[dict[str, float]], seed: int) -> dict[str, Mean]:
    names = list(next(iter(rows), {}))
    values = np.array([[row[name] for name in names] for row in rows]).reshape(len(rows), len(names))
    means = bootstrap_means(values, seed) if rows else []
    return {name: mean for name, mean in zip(names, means, strict=True) if mean is not None}


def _differences(evaluations: Mapping[str, Evaluation], seed: int) -> dict[str, dict[str, Mean]]:
    baseline, *others = evaluations
    return {system: evaluations[system].differences(evaluations[baseline], seed) for system in others}


def _text_table(columns: dict[str, dict[str, Mean]], sign: str) -> Iterator[str]:
    most = max((mean.num_clips for means in columns.values() for mean in means.values()), default=0)

    def cell(mean: Mean | None) -> str:
        return "-" if mean is None else mean.text(most, sign)

    names = list(dict.fromkeys(name for means in columns.values() for name in means))
    rows = ([name, *(cell(means.get(name)) for means in columns.values())] for name in names)
    return aligned_table([["", *columns], *rows])


def _score_rows(evaluations: Mapping[str, Evaluation]) -> Iterator[Row]:
    all_scores = (scores for evaluation in evaluations.values() for scores in evaluation.scores.values())
    names = list(next(all_scores, {}))
    settings = "sample_format", "reference_file", "estimate_file", "cutoff_freq", "cut_samples"
    yield "name", "system", *settings, *names
    for system, evaluation in evaluations.items():
        cutoff = "" if evaluation.cutoff_freq is None else f"{evaluation.cutoff_freq:g}"
        for clip, scores in evaluation.scores.items():
            files, cut = evaluation.file_formats[clip], evaluation.cut_samples[clip]
            values = (number_text(scores[name]) for name in names)
            yield clip, system, evaluation.sample_format, *files, cutoff, cut, *values


def _mean_rows(means: dict[str, Mean]) -> Iterator[Row]:
    for name, mean in means.items():
        yield name, number_text(mean.value), number_text(mean.low), number_text(mean.high), mean.num_clips


def _summary_rows(evaluations: Mapping[str, Evaluation], seed: int) -> Iterator[Row]:
    yield "system", "score", "mean", "low", "high", "clips"
    for system, evaluation in evaluations.items():
        yield from ((system, *row) for row in _mean_rows(evaluation.means(seed)))


def _difference_rows(evaluations: Mapping[str, Evaluation], seed: int) -> Iterator[Row]:
    yield "system", "minus", "score", "mean", "low", "high", "clips"
    for system, means in _differences(evaluations, seed).items():
        yield from ((system, next(iter(evaluations)), *row) for row in _mean_rows(means))


def _skipped_rows(evaluations: Mapping[str, Evaluation]) -> Iterator[Row]:
    yield "system", "name", "reason"
    for system, evaluation in evaluations.items():
        yield from ((system, name, reason) for name, reason in evaluation.unscored().items())


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


def read_named_captions(path: Path | str) -> dict[str, str]:
    """The captions of a CSV file with the columns `name`, a clip's path without suffix, and `caption`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it lacks a column, or a name comes twice or has no caption.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not a file; captions are a CSV file with columns name and caption.")
    captions: dict[str, str] = {}
    try:
        _, rows = read_csv(path, ["name", "caption"])
        for number, row in rows:
            name, caption = row.get("name", ""), row.get("caption", "").strip()
            if name in captions or not caption:
                raise ValueError(f"line {number}: {name!r} {'comes twice' if name in captions else 'has no caption'}")
            captions[name] = caption
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error
    return captions


def read_at_48_khz(path: Path) -> np.ndarray:
    """The waveforms `(channels, num_samples)` of a file at 48 kHz."""
    audio, sampling_rate = read_audio(path)
    return resample(audio, sampling_rate, SAMPLING_RATE)


def matching_length(estimate: np.ndarray, reference: np.ndarray, tolerance: int) -> int:
    """The length in samples that both `(channels, num_samples)` are compared over."""
    if len(estimate) != len(reference):
        raise ValueError(
            f"the estimate has {len(estimate)} channels, the reference {len(reference)}; "
            "make them equal first, by mixing one down or repeating the other."
        )
    lengths = estimate.shape[-1], reference.shape[-1]
    if abs(lengths[0] - lengths[1]) >= tolerance:
        raise ValueError(
            f"the estimate has {lengths[0]} samples at {SAMPLING_RATE} Hz, the reference {lengths[1]}; "
            f"they may differ by fewer than {tolerance}."
        )
    return min(lengths)
