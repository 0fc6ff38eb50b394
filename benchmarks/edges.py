"""Where real encoders end, and where `inspect` says that they do: `python -m benchmarks.edges [FOLDER]`.

Sounds are coded and decoded by the encoders of `benchmarks.encoders`; those that aren't installed are named. The true
edge is found with the original at hand, which the detector hasn't: see `true_edge`.
"""

import argparse
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from scipy import fft, ndimage, signal

from audiosr_pipeline.audio_io import audio_files, read_audio
from audiosr_pipeline.csv_files import write_csv
from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.inputs import Clip
from audiosr_pipeline.pipelines.inspection import inspect_clip
from audiosr_pipeline.tables import markdown_table
from benchmarks.encoders import ENCODERS, Encoder
from benchmarks.machine import software_and_hardware
from tests.signals import music_like, noise, speech_like

EXAMPLES = Path(__file__).parents[1] / "examples"
SECONDS = 6.0
LARGEST_MISS_HZ = 500.0
N_FFT = 2_048
HOP_LENGTH = 512
SMOOTHING_HZ = 200.0
# A waveform that is kept at all is kept with a tenth of its power or more; what is made anew has a hundredth and less.
LEAST_COHERENCE = 0.1
LEAST_GAIN_DB = -20.0
NEXT_NOTE = " | "


def align(original: np.ndarray, decoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes off the delay at which two waveforms `(num_samples,)` resemble each other most, and what one lacks."""
    num_fft = fft.next_fast_len(len(original) + len(decoded), real=True)
    correlation = fft.irfft(fft.rfft(original, num_fft).conj() * fft.rfft(decoded, num_fft), num_fft)
    delay = int(np.argmax(np.abs(correlation)))
    delay -= num_fft if delay > len(decoded) else 0
    original, decoded = original[max(-delay, 0) :], decoded[max(delay, 0) :]
    num_samples = min(len(original), len(decoded))
    return original[:num_samples], decoded[:num_samples]


def true_edge(original: np.ndarray, decoded: np.ndarray, sampling_rate: int = 48_000) -> float:
    """Up to where a decoded waveform holds anything of the original.

    The two are aligned by their cross-correlation. A frequency holds the original if its magnitude-squared coherence
    with the decoded waveform is 0.1 or more, and the original's part in it at most 20 dB lower than it was: coherence
    alone would count a filter's skirt, level alone what a decoder makes up. Both are means over the clip's frames and
    over 200 Hz.

    Args:
        original: Waveform `(num_samples,)`.
        decoded: The same, coded and decoded, `(num_samples,)`; any delay.
        sampling_rate: Rate of both in Hz.

    Returns:
        The highest such frequency in Hz; 0 if there is none.
    """
    spectra = [
        signal.stft(audio, sampling_rate, nperseg=N_FFT, noverlap=N_FFT - HOP_LENGTH, padded=False, boundary=None)[2]
        for audio in align(original.astype(np.float64), decoded.astype(np.float64))
    ]
    cross = np.abs((spectra[0].conj() * spectra[1]).mean(1)) ** 2
    before, after = ((np.abs(spectrum) ** 2).mean(1) for spectrum in spectra)
    num_bins = round(SMOOTHING_HZ * N_FFT / sampling_rate)
    tiny = 1e-30
    coherence = ndimage.uniform_filter1d(cross / (before * after + tiny), num_bins)
    # The running sum of the filter may round to less than 0.
    gain = np.maximum(ndimage.uniform_filter1d(cross / (before**2 + tiny), num_bins), tiny)
    gain_db = 10 * np.log10(gain)
    held = np.flatnonzero((coherence >= LEAST_COHERENCE) & (gain_db >= LEAST_GAIN_DB))
    return float(held[-1] * sampling_rate / N_FFT) if len(held) else 0.0


@dataclass(frozen=True)
class Row:
    """One sound through one encoder at one setting; edges in Hz."""

    encoder: str
    setting: str
    sound: str
    true_edge: float
    found_edge: float
    action: str
    notes: str

    @property
    def is_miss(self) -> bool:
        """Whether the edge that was found lies more than 500 Hz from the true one."""
        return abs(self.found_edge - self.true_edge) > LARGEST_MISS_HZ

    @property
    def is_explained(self) -> bool:
        """Whether the report names the remedy."""
        return "cutoff_freq" in self.notes

    @property
    def has_wall_alone(self) -> bool:
        """Whether all that the report says of the edge is that it ends in a wall, which resamplers leave too."""
        reasons = [note for note in self.notes.split(NEXT_NOTE) if "cutoff_freq" in note]
        return bool(reasons) and all(" in a wall of " in note for note in reasons)


def measure(encoder: Encoder, setting: str, sound: str, audio: np.ndarray, bandwidth: float) -> Row:
    """Codes a sound `(1, num_samples)` at 48 kHz, whose own band edge is given, and finds both edges."""
    decoded, sampling_rate = encoder.round_trip(audio, setting)
    resampled = resample(decoded, sampling_rate, 48_000)
    clip = Clip(decoded, sampling_rate, is_flat=False)
    found = inspect_clip(clip, resampled)
    edge = sampling_rate / 2 if encoder.is_parametric else true_edge(audio[0], resampled[0])
    # What the original hasn't, no encoder can keep: there the coherence is that of rounding noises.
    edge = min(edge, bandwidth)
    notes = NEXT_NOTE.join(found.notes)
    return Row(encoder.name, setting + encoder.unit, sound, edge, found.bandwidth, found.action, notes)


def sounds(folder: Path | None) -> dict[str, np.ndarray]:
    """Made speech, music and noise, the examples, and the recordings of a folder, each `(1, num_samples)` at 48 kHz."""
    found = {
        "speech, made": speech_like(SECONDS),
        "music, made": music_like(SECONDS),
        "pink noise": noise(SECONDS, tilt_db=-3),
        "speech, examples/": _read(EXAMPLES / "speech_22khz.wav"),
        "music, examples/": _read(EXAMPLES / "music_16khz.wav"),
    }
    for path in audio_files(folder) if folder else []:
        found[path.name] = _read(path)
    return found


def _read(path: Path) -> np.ndarray:
    """The first seconds of a file, its channels' mean, at 48 kHz."""
    audio, sampling_rate = read_audio(path)
    return resample(audio.mean(0, keepdims=True)[:, : round(SECONDS * sampling_rate)], sampling_rate, 48_000)


def tabulate(rows: list[Row]) -> Iterator[str]:
    """Markdown: a line per encoder and setting, the edges of its sounds, and which misses the report explains."""
    names = list(dict.fromkeys(row.sound for row in rows))
    table = []
    for encoder, setting in dict.fromkeys((row.encoder, row.setting) for row in rows):
        own = {row.sound: row for row in rows if (row.encoder, row.setting) == (encoder, setting)}
        cells = [_cell(own[name]) if name in own else "failed" for name in names]
        misses = [row for row in own.values() if row.is_miss]
        unexplained = sum(not row.is_explained for row in misses)
        table.append((f"{encoder} {setting}", *cells, len(misses), unexplained))
    return markdown_table(("Encoder", *names, "Misses", "Unexplained"), table)


def _cell(row: Row) -> str:
    """True and found edge in kHz, marked where they differ and where the report has a note with the remedy."""
    text = f"{row.true_edge / 1_000:.1f} {row.found_edge / 1_000:.1f}"
    mark = "°" if row.has_wall_alone else "\\*" if row.is_explained else ""
    return (f"**{text}**" if row.is_miss else text) + mark


def main(arguments: list[str] | None = None) -> None:
    """Prints the table, and writes it and the notes if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edges", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="recordings to code beside what is made and examples/")
    parser.add_argument("--output", type=Path, help="Markdown file; a CSV file with the notes is written beside it")
    options = parser.parse_args(arguments)
    rows, missing, failures = [], [], []
    given = sounds(options.folder)
    bandwidths = {sound: find_bandwidth(audio) for sound, audio in given.items()}
    for encoder in ENCODERS:
        if encoder.missing():
            missing.append(f"{encoder.name} ({', '.join(encoder.missing())} not installed)")
            continue
        for setting in encoder.settings:
            for sound, audio in given.items():
                try:
                    rows.append(measure(encoder, setting, sound, audio, bandwidths[sound]))
                except RuntimeError as error:
                    failures.append(f"{encoder.name} {setting}, {sound}: {error}")
    misses = [row for row in rows if row.is_miss]
    lines = [
        "# Band edges of real encoders",
        "",
        "In each cell the true and the found edge in kHz; bold where they differ by more than 500 Hz, with \\* where",
        "the report says by which sign of a coder the edge is doubtful, and the remedy; with ° where that sign is a "
        "wall at",
        "the edge alone, which resamplers leave too.",
        "",
        *tabulate(rows),
        "",
        f"- {len(rows)} sounds coded, {len(misses)} edges missed by more than {LARGEST_MISS_HZ:.0f} Hz, "
        f"{sum(row.has_wall_alone for row in misses)} of them with a wall as the only reason in the report, "
        f"{sum(not row.is_explained for row in misses)} without a word in it",
        "- true edge: the highest frequency at which the decoded waveform, aligned with the original by "
        f"cross-correlation, has a magnitude-squared coherence with it of {LEAST_COHERENCE} or more (mean over the "
        f"clip and {SMOOTHING_HZ:.0f} Hz) and at least {LEAST_GAIN_DB:.0f} dB of its level; at most the edge of the "
        "original as `find_bandwidth` finds it",
        "- Codec 2 codes no waveform, so nothing is coherent: its true edge is stated, the 4 kHz of its rate",
        *(f"- skipped: {name}" for name in missing),
        *(f"- failed: {failure}" for failure in failures),
        *(f"- {line}" for line in software_and_hardware()),
    ]
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")
        write_csv(options.output.with_suffix(".csv"), [[entry.name for entry in fields(Row)], *map(astuple, rows)])


if __name__ == "__main__":
    main()
