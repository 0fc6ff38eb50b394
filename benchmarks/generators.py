"""What audiosr-mini makes of what generators put out, and whether promises 1 and 2 of DESIGN.md hold.

    python -m benchmarks.generators --data DIR --output benchmarks/results/generators.md
    python -m benchmarks.generators --forms --output benchmarks/results/generator_forms.md

The second is of each class that is known, real but tiny and random: what form its output has.

Exit code 1 if a promise is broken or a file was skipped.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import signal
from tqdm import tqdm

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.csv_files import number_text, write_csv
from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.spectrogram import save_spectrogram_sheet
from audiosr_pipeline.tables import markdown_table
from benchmarks.machine import settings_of, software_and_hardware

# Which files in the folder are whose.
GENERATORS = {
    "AudioLDM": ["generators/audioldm/*.flac"],
    "AudioLDM 2": ["generators/audioldm2/*.flac"],
    "AudioLDM 2, speech": ["generators/audioldm2_tts/*.flac"],
    "FastSpeech 2, ming024": ["generators/fastspeech2_ming024/*.flac"],
    "FastSpeech 2, AudioLDM 2's page": ["generators/fastspeech2_audioldm2page/*.flac"],
    # The inputs of AudioSR's demo page are at 48 kHz, low-passed by its authors; beside them lie the same clips before.
    "AudioLDM, AudioSR's page": ["paper_demo/gen_A_rubber_duck*/*__input.flac", "paper_demo/gen_A_rubber_duck*/*__gt*"],
    "MusicGen, AudioSR's page": [
        f"paper_demo/gen_{name}/*__{role}.flac"
        for name in ("ClNTn1wtq7E", "je1amtXOKF4")
        for role in ("input", "gt_unlisted")
    ],
    "FastSpeech 2, AudioSR's page": [
        "paper_demo/gen_fastspeech2_*/speech_up_*",
        "paper_demo/gen_fastspeech2_*/speech_gt_*",
    ],
}
LOW_BAND_ERROR_DB = -50
MARGIN_HZ = 250
SIDE_HZ = 500
# What is noted, though the model may have generated it so: that the splice adds nothing is tested on known signals.
NOTED_SPLICE_DB, NOTED_STEP_DB = 3, 10
COLUMNS = (
    "Generator",
    "Files",
    "Rate (kHz)",
    "Bandwidth before (kHz)",
    "Bandwidth after (kHz)",
    "Low-band error (dB)",
    "Notch or ridge (dB)",
    "Step (dB)",
    "Level change (dB)",
    "Skipped",
)
# A sheet of noise is large as a picture.
SHEET_COLORS = 96


@dataclass(frozen=True)
class Row:
    """What was measured on one file.

    Args:
        generator: Who made it.
        file: Its name.
        sampling_rate: Its rate in Hz.
        duration_s: Its length in seconds.
        action: What the pipeline did.
        bandwidth_before: Band edge of the file in Hz.
        bandwidth_after: Band edge of the output in Hz.
        low_band_error_db: Difference from the resampled file below its band edge less 250 Hz, relative to the file
            there, in dB; measured here, not taken from the report.
        splice_db: How far the level between input and new band lies outside those of both, in dB: below 0 for a notch,
            above 0 for a ridge; see `splice`.
        step_db: How much louder the new band begins than the input ends, in dB.
        level_change_db: Level of the output relative to the resampled file, in dB.
        peak: Largest absolute sample of the output.
        broken: Which promises are broken, and how; empty if none is.
    """

    generator: str
    file: str
    sampling_rate: int
    duration_s: float
    action: str
    bandwidth_before: float
    bandwidth_after: float
    low_band_error_db: float
    splice_db: float
    step_db: float
    level_change_db: float
    peak: float
    broken: str


def measure(pipe: AudioSRPipeline, generator: str, path: Path) -> Row:
    """Runs one file through the pipeline, with seed 0, and holds the output against the promises."""
    audio, sampling_rate = read_audio(path)
    out = pipe([audio], sampling_rate, generator=torch.Generator().manual_seed(0))
    new, report = np.asarray(out.audios[0]), out.reports[0]
    before = resample(audio, sampling_rate, 48_000)
    broken = []
    if out.sampling_rate != 48_000:
        broken.append(f"rate {out.sampling_rate} Hz")
    if new.shape != (len(audio), round(audio.shape[-1] * 48_000 / sampling_rate)):
        broken.append(f"{new.shape[-1]} samples of {audio.shape[-1]}")
    if not np.isfinite(new).all():
        broken.append("samples that aren't finite")
    edge = report.bandwidth
    error_db = level_db(new - before, 0, edge - MARGIN_HZ) - level_db(before, 0, edge - MARGIN_HZ)
    if not error_db < LOW_BAND_ERROR_DB:
        broken.append(f"low-band error {error_db:.1f} dB")
    splice_db, step_db = splice(new, before, edge)
    return Row(
        generator=generator,
        file=path.stem,
        sampling_rate=sampling_rate,
        duration_s=audio.shape[-1] / sampling_rate,
        action=report.action,
        bandwidth_before=report.bandwidth,
        bandwidth_after=find_bandwidth(new),
        low_band_error_db=error_db,
        splice_db=splice_db,
        step_db=step_db,
        level_change_db=level_db(new) - level_db(before),
        peak=float(np.abs(new).max()),
        broken="; ".join(broken),
    )


def splice(new: np.ndarray, before: np.ndarray, edge: float) -> tuple[float, float]:
    """Notch or ridge and step at a band edge in Hz, in dB, of an output and the resampled file (see `Row`).

    The last 250 Hz below the edge, where one gives way to the other, are compared with 500 Hz on either side; a ridge
    that is the file's own is none.
    """
    start = edge - MARGIN_HZ
    below = level_db(before, start - SIDE_HZ, start)
    above = level_db(new, edge, edge + SIDE_HZ)
    per_hz = 10 * np.log10(SIDE_HZ / MARGIN_HZ)
    between, own = (level_db(audio, start, edge) + per_hz for audio in (new, before))
    ridge, notch = max(between - max(below, above, own), 0), min(between - min(below, above), 0)
    return ridge + notch, above - below


def level_db(audio: np.ndarray, lowest: float = 0, highest: float = 24_000) -> float:
    """Level of 48 kHz audio `(channels, num_samples)` between two frequencies in Hz, in dB, not below -300."""
    frequencies, power = signal.welch(
        audio.astype(np.float64), 48_000, "hann", min(2_048, audio.shape[-1]), detrend=False, scaling="spectrum"
    )
    within = (frequencies >= lowest) & (frequencies <= highest)
    return float(10 * np.log10(max(power[:, within].sum(), 1e-30)))


def markdown(rows: list[Row], conditions: list[str]) -> str:
    """The table by generator, whether the promises hold, and what it was made with."""
    groups = defaultdict(list)
    for row in rows:
        groups[row.generator].append(row)
    table = [
        (
            generator,
            len(group),
            ", ".join(sorted({f"{row.sampling_rate / 1000:g}" for row in group})),
            spread([row.bandwidth_before / 1000 for row in group]),
            spread([row.bandwidth_after / 1000 for row in group]),
            f"{max(row.low_band_error_db for row in group):.1f}",
            spread([row.splice_db for row in group], "+.1f"),
            spread([row.step_db for row in group], "+.1f"),
            spread([row.level_change_db for row in group], "+.2f"),
            sum(row.action != "enhanced" for row in group),
        )
        for generator, group in groups.items()
    ]
    broken = [row for row in rows if row.broken]
    skipped = [row for row in rows if row.action != "enhanced"]
    lines = [
        "# audiosr-mini on the output of generators",
        "",
        *markdown_table(COLUMNS, table),
        "",
        "Promises 1 (48 kHz, exact length, finite) and 2 (below the band edge the input's own audio, within "
        f"{LOW_BAND_ERROR_DB} dB) hold on {len(rows) - len(broken)} of {len(rows)} files; {len(skipped)} skipped. "
        f"Where the new band begins: a notch or ridge of more than {NOTED_SPLICE_DB} dB in "
        f"{sum(abs(row.splice_db) > NOTED_SPLICE_DB for row in rows)} files, a step of more than {NOTED_STEP_DB} dB in "
        f"{sum(abs(row.step_db) > NOTED_STEP_DB for row in rows)}.",
        "",
    ]
    lines += [f"- **broken**: {row.generator}, {row.file}: {row.broken}" for row in broken]
    lines += [f"- **{row.action}**: {row.generator}, {row.file}" for row in skipped]
    lines += [
        "- lowest, median and highest of the files; of the low-band error the highest",
        "- low-band error: the difference from the resampled file below its band edge less 250 Hz, relative to what is "
        "there in the file",
        "- notch or ridge: how far the level in the last 250 Hz below the band edge lies outside those of the 500 Hz "
        "on either side",
        "- step: the new band's first 500 Hz relative to the input's last 500 Hz; 0 would be level, and real spectra "
        "fall",
        "- files of AudioSR's page are at 48 kHz: low-passed by its authors, and as they lie beside those",
        *(f"- {line}" for line in conditions),
    ]
    return "\n".join(lines) + "\n"


def spread(values: list[float], form: str = ".1f") -> str:
    """Lowest, median and highest."""
    return " / ".join(format(value, form) for value in (min(values), np.median(values), max(values)))


def write_rows(rows: list[Row], path: Path) -> None:
    """One CSV row per file."""
    cells = ([number_text(cell) if isinstance(cell, float) else cell for cell in astuple(row)] for row in rows)
    write_csv(path, [[entry.name for entry in fields(Row)], *cells])


def draw_sheet(pipe: AudioSRPipeline, files: list[tuple[str, Path]], path: Path) -> None:
    """Spectrograms of the first file of each generator, before and after."""
    sheet = {}
    for generator, file in files:
        if generator not in sheet:
            audio, sampling_rate = read_audio(file)
            out = pipe([audio], sampling_rate, generator=torch.Generator().manual_seed(0))
            sheet[generator] = {"before": (audio, sampling_rate), "after": (np.asarray(out.audios[0]), 48_000)}
    save_spectrogram_sheet(path, sheet, title="what generators put out, before and after audiosr-mini")
    with Image.open(path) as image:
        image.convert("RGB").quantize(SHEET_COLORS).save(path, optimize=True)


def main() -> int:
    """Runs the program with the command line's arguments; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generators", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with `generators` and `paper_demo`")
    parser.add_argument("--forms", action="store_true", help="only the forms of what tiny, random generators return")
    parser.add_argument("--checkpoint", default="audiosr-mini", help="what from_pretrained takes")
    parser.add_argument("--output", type=Path, help="Markdown file; rows go beside it as .csv, spectrograms as .png")
    arguments = parser.parse_args()
    if arguments.forms:
        # It brings a hundred classes with it, which take longer to import than a file to measure.
        from benchmarks.generator_forms import forms_markdown

        table = forms_markdown()
        if arguments.output:
            arguments.output.write_text(table, encoding="utf-8")
        print(table)
        return 0
    if arguments.data is None:
        parser.error("--data is required, unless --forms is given")
    files = [
        (generator, path)
        for generator, patterns in GENERATORS.items()
        for pattern in patterns
        for path in sorted(arguments.data.glob(pattern))
    ]
    missing = set(GENERATORS) - {generator for generator, _ in files}
    if missing:
        parser.error(f"{arguments.data} has no files of {', '.join(sorted(missing))}")
    pipe = AudioSRPipeline.from_pretrained(arguments.checkpoint)
    pipe.set_progress_bar_config(disable=True)
    rows = [measure(pipe, generator, path) for generator, path in tqdm(files, unit="file")]
    # Of folders elsewhere only the name: results are published.
    data, checkpoint = arguments.data.name, Path(arguments.checkpoint).name
    conditions = [
        f"`python -m benchmarks.generators --data {data} --checkpoint {checkpoint}`, seed 0",
        f"settings {settings_of(pipe)}",
        *software_and_hardware(),
    ]
    table = markdown(rows, conditions)
    if arguments.output:
        arguments.output.write_text(table, encoding="utf-8")
        write_rows(rows, arguments.output.with_suffix(".csv"))
        draw_sheet(pipe, files, arguments.output.with_suffix(".png"))
    print(table)
    return int(any(row.broken or row.action != "enhanced" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
