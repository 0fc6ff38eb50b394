"""The table of audiosr-mini: what it does to low-passed clips, beside what costs nothing.

    python -m benchmarks.mini spectrum --manifest manifest.csv --output benchmarks/training_spectrum.csv
    python -m benchmarks.mini --data DIR --training-spectrum benchmarks/training_spectrum.csv \
        --output benchmarks/results/mini.md

The first writes the training set's mean spectrum, which shapes the noise that the model has to beat. The second prints
the table, and writes it and one row per clip and system (CSV).
"""

import argparse
import csv
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from tqdm import tqdm

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.evaluate import SAMPLING_RATE, named_files, read_at_48_khz
from audiosr_pipeline.metrics import bootstrap_means, evaluate_pair, round_to_16_bit
from audiosr_pipeline.metrics.sample_format import ROUNDING_NOISE_POWER
from audiosr_pipeline.pipelines.inputs import Clip
from audiosr_pipeline.spectrogram import save_spectrogram_sheet
from benchmarks.machine import settings_of, software_and_hardware

CUTOFF_FREQS = (4_000, 8_000)
# Share-alike, unstated and per-file licences are left out, as in training.
FREE_LICENCE = re.compile(r"CC0(-1\.0)?|Public domain|CC-BY(-\d\.\d)?")
SPECTRUM_N_FFT = 512
LEVEL_WINDOW_S = 0.02
SHEET_CLIPS = 6

UNPROCESSED = "unprocessed"
NOISE = "noise of the training spectrum, the clip's level"
FOLLOWING_NOISE = "noise of the training spectrum, following the clip's level"
# By seed.
OWN = ("audiosr-mini, seed 0", "audiosr-mini, seed 1")
SHUFFLED = tuple(f"{system}, another clip's condition" for system in OWN)
SYSTEMS = {
    UNPROCESSED: "the low-passed clip",
    NOISE: (
        "the low-passed clip, plus white noise above the cutoff, shaped to the training set's mean log spectrum; "
        "its level is the one that, in the octave below the cutoff, equals the clip's"
    ),
    FOLLOWING_NOISE: "the same noise, its level matched in windows of 20 ms instead of once per clip",
    OWN[0]: (
        "`pipe(clip, sampling_rate=48_000, generator=torch.Generator().manual_seed(2 * i)).audios`, where i counts the "
        "clips by name, from 0: seed s of clip i is 2 i + s, so that each has its own noise"
    ),
    OWN[1]: "the same with `manual_seed(2 * i + 1)`",
    SHUFFLED[0]: (
        "seed 0 again, but the networks are given the input of the clip half the folder further on by name "
        "(next ones are often alike), repeated or cut to length; the clip's own low band is put back as always"
    ),
    SHUFFLED[1]: "the same with seed 1",
}
LSD_SHOWN = ("ssr_eval", "apbwe")
COLUMNS = ("lsd", "lsd_lf", "lsd_hf", "lsd_below_edge", "lsd_hf_below_edge")
# What tells whether the condition matters: measured where nothing has to be guessed.
PAIRED = {"LSD-HF below edge (`apbwe`)": "lsd_hf_below_edge_apbwe", "variance ratio": "variance_ratio"}


@dataclass
class Results:
    """What was measured.

    Attributes:
        rows: One per cutoff, system and clip: names and scores.
        actions: What the pipeline did, and how often, over all cutoffs and both seeds.
        differences_db: By cutoff, `seed_difference` of each clip.
        seconds: Wall time of each call of the pipeline.
        audio_s: Length of the clip of each call.
    """

    rows: list[dict[str, str | float]] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    differences_db: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    audio_s: list[float] = field(default_factory=list)

    def scores(self, cutoff_freq: int, system: str, name: str) -> np.ndarray:
        """One score of each clip, NaN where it has none."""
        return np.array(
            [row[name] for row in self.rows if (row["cutoff_freq"], row["system"]) == (cutoff_freq, system)], float
        )


def measure(clips: dict[str, np.ndarray], pipe: AudioSRPipeline, spectrum: np.ndarray) -> Results:
    """Runs every system on every clip.

    Args:
        clips: True recordings at 48 kHz by name, `(channels, num_samples)`.
        pipe: The model.
        spectrum: `(num_points, 2)`, see `training_spectrum`.
    """
    results = Results()
    for cutoff_freq in CUTOFF_FREQS:
        inputs = {name: round_to_16_bit(lowpass(audio, cutoff_freq)) for name, audio in clips.items()}
        outputs = [
            [generate(pipe, audio, seed_of(index, seed), results) for seed in (0, 1)]
            for index, audio in enumerate(tqdm(inputs.values(), desc=f"{cutoff_freq} Hz, generating", unit="clip"))
        ]
        results.differences_db[cutoff_freq] = [seed_difference(*pair, cutoff_freq) for pair in outputs]
        names = list(clips)
        for index, name in enumerate(tqdm(names, desc=f"{cutoff_freq} Hz, scoring", unit="clip")):
            other = inputs[names[(index + len(names) // 2) % len(names)]]
            estimates = {
                UNPROCESSED: inputs[name],
                NOISE: add_noise(inputs[name], cutoff_freq, spectrum, following=False, seed=index),
                FOLLOWING_NOISE: add_noise(inputs[name], cutoff_freq, spectrum, following=True, seed=index),
            }
            for seed in (0, 1):
                estimates[OWN[seed]], _ = outputs[index][seed]
                estimates[SHUFFLED[seed]] = generate_from_another(pipe, inputs[name], other, seed_of(index, seed))
            reference = round_to_16_bit(clips[name])
            for system, estimate in estimates.items():
                scores = evaluate_pair(round_to_16_bit(estimate), reference, cutoff_freq)
                results.rows.append({"cutoff_freq": cutoff_freq, "system": system, "clip": name, **scores})
    return results


def seed_of(index: int, seed: int) -> int:
    """The generator's seed of a clip in a run: no two share one, or all clips would begin with the same noise."""
    return 2 * index + seed


def generate(pipe: AudioSRPipeline, audio: np.ndarray, seed: int, results: Results) -> tuple[np.ndarray, np.ndarray]:
    """One clip's super-resolved audio and its new band alone, both `(channels, num_samples)`."""
    start = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    audios, _, generated, reports = pipe([audio], SAMPLING_RATE, generator=generator, return_dict=False)
    results.seconds.append(time.perf_counter() - start)
    results.audio_s.append(audio.shape[-1] / SAMPLING_RATE)
    results.actions[reports[0].action] += 1
    return audios[0], generated[0]


def generate_from_another(pipe: AudioSRPipeline, audio: np.ndarray, other: np.ndarray, seed: int) -> np.ndarray:
    """As `generate`, but all that the networks are given is of `other`; both are `(channels, num_samples)`.

    The pipeline's own steps, one by one. The other's mel is repeated or cut to the clip's channels and length.
    """
    prepared, foreign = (pipe.preprocess(Clip(clip, SAMPLING_RATE, is_flat=False)) for clip in (audio, other))
    if prepared.mel is None or foreign.mel is None:
        return audio
    foreign_rows, _, foreign_frames, _ = foreign.mel.shape
    rows, _, frames, _ = prepared.mel.shape
    mel = foreign.mel[torch.arange(rows) % foreign_rows][:, :, torch.arange(frames) % foreign_frames]
    foreign = replace(prepared, mel=mel)
    condition = pipe.encode(mel)
    generator = torch.Generator().manual_seed(seed)
    pipe.scheduler.set_timesteps(pipe.config.default_num_inference_steps)
    noise = pipe.prepare_latents(condition.shape[2], generator)
    guidance_scale, eta = pipe.config.default_guidance_scale, pipe.config.default_eta
    (latents,) = pipe.denoise([noise], [condition], guidance_scale, eta, [generator])
    waveform = pipe.vocode(pipe.adjust(pipe.decode(latents), foreign), foreign)
    return pipe.replace_low_band(waveform, prepared).audio


def add_noise(audio: np.ndarray, cutoff_freq: int, spectrum: np.ndarray, following: bool, seed: int) -> np.ndarray:
    """Low-passed audio `(channels, num_samples)` with shaped noise above its cutoff (`SYSTEMS` says how)."""
    frequencies = np.fft.rfftfreq(audio.shape[-1], 1 / SAMPLING_RATE)
    octave = (frequencies >= cutoff_freq / 2) & (frequencies < cutoff_freq)
    white = np.fft.rfft(np.random.default_rng(seed).standard_normal(audio.shape))
    shaped = white * 10 ** (np.interp(frequencies, spectrum[:, 0], spectrum[:, 1]) / 20)

    def part(transform: np.ndarray, selection: np.ndarray) -> np.ndarray:
        return np.fft.irfft(transform * selection, audio.shape[-1])

    wanted = part(np.fft.rfft(audio), octave) ** 2
    power = (
        ndimage.uniform_filter1d(wanted, round(LEVEL_WINDOW_S * SAMPLING_RATE), axis=-1)
        if following
        else wanted.mean(-1, keepdims=True)
    )
    # A running mean of squares can come out a rounding error below zero.
    gain = np.sqrt(np.maximum(power, 0) / (part(shaped, octave) ** 2).mean(-1, keepdims=True))
    return (audio + gain * part(shaped, frequencies >= cutoff_freq)).astype(np.float32)


def rms(audio: np.ndarray) -> float:
    """Root mean square over all channels and samples."""
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


def seed_difference(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], cutoff_freq: int
) -> tuple[float, float]:
    """How much two outputs of `generate` differ in the new band and below the cutoff, in dB.

    The new band's difference is relative to the first's new band, +3 dB for independent signals of one level; that
    below the cutoff is relative to the first there. NaN where the first is empty; no difference at all is -200 dB.
    """
    low = lowpass(first[0] - second[0], cutoff_freq), lowpass(first[0], cutoff_freq)
    pairs = (rms(first[1] - second[1]), rms(first[1])), (rms(low[0]), rms(low[1]))
    above, below = (
        20 * math.log10(max(difference / level, 1e-10)) if level > 0 else math.nan for difference, level in pairs
    )
    return above, below


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


def markdown(results: Results, clips: dict[str, np.ndarray], conditions: list[str]) -> str:
    """The table, what it was made with, and what each system is."""
    lines = ["# audiosr-mini on low-passed clips", ""]
    for cutoff_freq in CUTOFF_FREQS:
        lines += [
            f"## Low-passed at {cutoff_freq} Hz",
            "",
            "| System | LSD | LSD-LF | LSD-HF | LSD below edge | LSD-HF below edge | Energy error (dB) "
            "| Energy error below edge (dB) | Variance ratio |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for system in SYSTEMS:
            cells = [
                " / ".join(
                    mean(results.scores(cutoff_freq, system, f"{name}_{convention}")) for convention in LSD_SHOWN
                )
                for name in COLUMNS
            ]
            cells += [
                mean(results.scores(cutoff_freq, system, "energy_error_db"), 1),
                mean(results.scores(cutoff_freq, system, "energy_error_below_edge_db"), 1),
                mean(results.scores(cutoff_freq, system, "variance_ratio")),
            ]
            lines.append(f"| {system} | {' | '.join(cells)} |")
        above, below = np.nanmean(results.differences_db[cutoff_freq], axis=0)
        lines += [
            "",
            f"Two seeds differ by {above:+.1f} dB in the new band, relative to seed 0's (independent signals of one "
            f"level: +3 dB), and by {below:+.1f} dB below the cutoff, relative to the clip there (clip means).",
            "",
            "Another clip's condition less the clip's own (mean over the clips, bootstrap 95 % interval):",
            "",
        ]
        for seed in (0, 1):
            shown = (f"{title} {shuffled_less_own(results, cutoff_freq, seed, name)}" for title, name in PAIRED.items())
            lines.append(f"- seed {seed}: {', '.join(shown)}")
        lines.append("")
    silent = results.scores(CUTOFF_FREQS[0], UNPROCESSED, "reference_silent").mean()
    edges = results.scores(CUTOFF_FREQS[0], UNPROCESSED, "reference_edge_freq")
    missing = []
    for freq in CUTOFF_FREQS:
        lsd, ratio = (np.isfinite(results.scores(freq, UNPROCESSED, name)).sum() for name in PAIRED.values())
        missing.append(
            f"- At {freq} Hz, LSD-HF below edge is over {lsd} and the variance ratio over {ratio} of {len(clips)} "
            "clips: the others have no content there."
        )
    seconds, audio_s = sum(results.seconds), sum(results.audio_s)
    lines += [
        "## How to read it",
        "",
        "- Each LSD is `ssr_eval / apbwe`, the two conventions of `audiosr_pipeline.metrics.lsd`; mean over the clips. "
        "LF and HF: below and above the cutoff. Edge: where the true recording's own content ends in most frames "
        f"(median {np.median(edges):.0f} Hz, quartiles {np.percentile(edges, 25):.0f} and "
        f"{np.percentile(edges, 75):.0f} Hz); up to there nothing has to be guessed.",
        f"- {100 * silent:.1f} % of the true recordings' frames are digital silence. `ssr_eval` gives each of them 12, "
        f"whatever the estimate is: {12 * silent:.2f} of each `ssr_eval` LSD over all frequencies, LF, HF or below the "
        "edge.",
        "- Energy error: absolute, per octave above the cutoff. Variance ratio: 1 is as varied as the truth, a grey "
        "average is far below 1.",
        *missing,
        "- Inputs were rounded to 16 bit, and so were both signals before they were compared.",
        "",
        "## Systems",
        "",
        *(f"- **{system}**: {description}." for system, description in SYSTEMS.items()),
        "",
        "## Made with",
        "",
        *(f"- {condition}" for condition in conditions),
        f"- {len(clips)} clips, {sum(audio.shape[1] for audio in clips.values()) / SAMPLING_RATE:.1f} s; "
        f"{len(results.seconds)} calls of the pipeline: "
        + ", ".join(f"{times} {action}" for action, times in sorted(results.actions.items()))
        + ". A clip that it left alone is scored as it came out.",
        f"- {seconds / len(results.seconds):.2f} s per clip of {audio_s / len(results.audio_s):.2f} s on average: "
        f"{seconds / audio_s:.3f} of real time",
    ]
    return "\n".join(lines) + "\n"


def mean(scores: np.ndarray, decimals: int = 2) -> str:
    """The mean of the clips that have a score; a dash if none has."""
    return "-" if np.isnan(scores).all() else f"{np.nanmean(scores):.{decimals}f}"


def shuffled_less_own(results: Results, cutoff_freq: int, seed: int, name: str) -> str:
    """Mean and 95 % interval (`bootstrap_means`) of `SHUFFLED` less `OWN`, clip by clip."""
    differences = results.scores(cutoff_freq, SHUFFLED[seed], name) - results.scores(cutoff_freq, OWN[seed], name)
    drawn = bootstrap_means(differences[:, None])[0]
    if drawn is None or math.isnan(drawn.low):
        return "- (fewer than two clips)"
    return f"{drawn.value:+.2f} [{drawn.low:+.2f}, {drawn.high:+.2f}]"


def write_rows(rows: list[dict[str, str | float]], path: Path) -> None:
    """One CSV row per cutoff, system and clip; scores that are missing or NaN are left empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            values = (row.get(name, "") for name in names)
            writer.writerow(
                ("" if math.isnan(value) else f"{value:.6g}") if isinstance(value, float) else value for value in values
            )


def made_with(arguments: argparse.Namespace, pipe: AudioSRPipeline) -> Iterator[str]:
    """Command line, settings, versions and hardware. Of folders elsewhere only the name: results are published."""

    def shown(path: str) -> str:
        return Path(path).name if Path(path).is_absolute() or ".." in Path(path).parts else path

    command = f"python -m benchmarks.mini --data {shown(arguments.data)}"
    command += f" --training-spectrum {shown(arguments.training_spectrum)} --checkpoint {shown(arguments.checkpoint)}"
    command += f" --limit {arguments.limit}" if arguments.limit else ""
    command += f" --output {shown(arguments.output)}" if arguments.output else ""
    yield f"`{command}`"
    yield f"settings {settings_of(pipe)}"
    yield from software_and_hardware()


def print_table(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mini", description="Prints the table of audiosr-mini.")
    parser.add_argument("--data", required=True, help="folder of true recordings")
    parser.add_argument("--training-spectrum", required=True, help="CSV file that `spectrum` wrote")
    parser.add_argument("--checkpoint", default="audiosr-mini", help="what from_pretrained takes")
    parser.add_argument("--limit", type=int, help="take this many clips, evenly spaced by name")
    parser.add_argument("--output", help="Markdown file; the rows go beside it as .csv, the spectrograms as .png")
    arguments = parser.parse_args(argv)
    if arguments.limit is not None and arguments.limit < 1:
        parser.error(f"--limit {arguments.limit} must be at least 1")
    paths = list(named_files(arguments.data).items())
    if arguments.limit and arguments.limit < len(paths):
        paths = [paths[index * len(paths) // arguments.limit] for index in range(arguments.limit)]
    clips = {name: read_at_48_khz(path) for name, path in paths}
    pipe = AudioSRPipeline.from_pretrained(arguments.checkpoint)
    pipe.set_progress_bar_config(disable=True)
    spectrum = np.loadtxt(arguments.training_spectrum, delimiter=",")
    results = measure(clips, pipe, spectrum)
    table = markdown(results, clips, list(made_with(arguments, pipe)))
    if arguments.output:
        output = Path(arguments.output)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(table, encoding="utf-8")
        write_rows(results.rows, output.with_suffix(".csv"))
        draw_sheet(clips, pipe, output.with_suffix(".png"))
    print(table)


def draw_sheet(clips: dict[str, np.ndarray], pipe: AudioSRPipeline, path: Path) -> None:
    """Spectrograms of six clips, evenly spaced by name: low-passed at the lowest cutoff, with seed 0, and the truth."""
    names = list(clips)
    rows = {}
    for index in range(0, len(names), max(1, len(names) // SHEET_CLIPS))[:SHEET_CLIPS]:
        name = names[index]
        before = round_to_16_bit(lowpass(clips[name], CUTOFF_FREQS[0]))
        after, _ = generate(pipe, before, seed_of(index, 0), Results())
        rows[name] = {
            "before": (before, SAMPLING_RATE),
            "after": (after, SAMPLING_RATE),
            "truth": (clips[name], SAMPLING_RATE),
        }
    save_spectrogram_sheet(path, rows, title=f"audiosr-mini, low-passed at {CUTOFF_FREQS[0]} Hz")


def write_spectrum(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mini spectrum", description="Writes the training set's mean spectrum."
    )
    parser.add_argument("--manifest", required=True, type=Path, help="CSV with path, split and licence of each file")
    parser.add_argument("--output", required=True, type=Path, help="CSV file to write")
    arguments = parser.parse_args(argv)
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
    if sys.argv[1:2] == ["spectrum"]:
        write_spectrum(sys.argv[2:])
    else:
        print_table(sys.argv[1:])
