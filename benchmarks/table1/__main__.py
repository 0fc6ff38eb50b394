"""The paper's Table 1: systems by data set and cutoff.

    python -m benchmarks.table1 --data DIR... --system NVSR-DNN=runs/nvsr-dnn/best --output benchmarks/results/table1.md

Prints the table, and writes it, its rows (.csv), systems side by side (.png), quality against speed (_speed.png) and
what AudioSR does best and worst (_sheet.png).
What is done is kept in `.cache/table1`, and a second run goes on from there. Exit code 1 if an output could not be
compared.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.evaluate import SAMPLING_RATE
from audiosr_pipeline.spectrogram import save_spectrogram_sheet
from benchmarks.baselines.systems import (
    GTMel,
    MelPredictor,
    NUWaveSystem,
    StoredOutputs,
    TrueLevels,
    TrueStage,
    Unprocessed,
    load_system,
    outputs_of,
)
from benchmarks.data.demos import left_out
from benchmarks.data.entries import LOWPASSES, Entry
from benchmarks.data.find import find_entries
from benchmarks.machine import settings_of, software_and_hardware
from benchmarks.table1.figures import TRUTH, draw_side_by_side, draw_speed
from benchmarks.table1.layout import Table, markdown, write_rows
from benchmarks.table1.measure import Competitor, Results, enhance, measure, sample

STORE = Path(".cache/table1")
# About five minutes on one core with audiosr-mini and the small baselines, on clips of some five seconds.
FAST_ENTRIES = 40
# The demo pages' systems that the table has, by their names there.
PAGE_SYSTEMS = {
    "audiosr": "AudioSR",
    "nvsr_dnn": "NVSR-DNN",
    "nvsr_resunet": "NVSR-ResUNet",
    "nuwave": "NU-Wave",
    "nuwave2": "NU-Wave 2",
    "ap-bwe": "AP-BWE",
    "aero": "AERO",
    "aero_64": "AERO",
}
# AudioSR with the truth in place of what its UNet makes: by name, whether the autoencoder's part is done.
TRUE_STAGES = {"True mel": False, "True latents": True}
DESCRIPTIONS = {
    GTMel: "the true recording's mel spectrogram through the vocoder",
    TrueStage: "`{source}` with the truth in place of what its UNet makes, and the input's low band",
    TrueLevels: "`{source}` with the truth's mean level in each band, and all else its own",
    Unprocessed: "the input, resampled",
    AudioSRPipeline: "latent diffusion, `{source}`",
    MelPredictor: "predicts the mel spectrogram, then the same vocoder, `{source}`",
    NUWaveSystem: "waveform diffusion, `{source}`",
    StoredOutputs: "outputs in `{source}`",
}
KINDS = ("speech", "music", "effects")
# Of each kind, as many of the best and of the worst, by the LSD that digital silence and what is above the edge don't
# decide, where there is much to make.
SHEET_HIGHEST_CUTOFF = 8_000
SHEET_SCORE = "lsd_hf_below_edge_apbwe"
NUM_BEST = 2


def competitors(checkpoint: str, systems: Sequence[tuple[str, str, str]]) -> tuple[list[Competitor], dict[str, str]]:
    """The rows of the table, and what each is, by name.

    Args:
        checkpoint: Of AudioSR, whose vocoder the predictors of mel spectrograms share.
        systems: Kind of clips or "", name and source (`load_system`) of each further row.

    Raises:
        As `load_system`.
    """
    pipe = AudioSRPipeline.from_pretrained(checkpoint)
    vocoder = _content_of(pipe, checkpoint)
    rows = [
        Competitor("GT-Mel", GTMel(pipe), (vocoder,)),
        *(Competitor(name, TrueStage(pipe, through), (vocoder,)) for name, through in TRUE_STAGES.items()),
        Competitor("True levels", TrueLevels(pipe), (vocoder,)),
        Competitor("Unprocessed", Unprocessed()),
        Competitor(Path(checkpoint).name, pipe, (vocoder,)),
    ]
    sources = dict.fromkeys((row.name for row in rows), checkpoint)
    for kind, name, source in systems:
        system = load_system(source, pipe)
        rows.append(Competitor(name, system, (vocoder, _content_of(system, source)), kind=kind or None))
        sources[name] = source
    for row in rows:
        if isinstance(row.system, AudioSRPipeline):
            row.system.set_progress_bar_config(disable=True)
    described = {row.name: DESCRIPTIONS[type(row.system)].format(source=shown(sources[row.name])) for row in rows}
    described |= {name: f"{described[name]}, {kind} alone" for kind, name, _ in systems if kind}
    for role, name in PAGE_SYSTEMS.items():
        rows.append(Competitor(f"{name} (page)", outputs_of(role), role=role))
        described[f"{name} (page)"] = "its files on the demo page"
    return rows, described


def _content_of(system: object, source: str) -> Path | str:
    """Where a system's files are; a model of the Hub is known by its name."""
    if isinstance(system, AudioSRPipeline):
        source = system.config._name_or_path
    return Path(source) if Path(source).exists() else source


def side_by_side(
    entries: Sequence[Entry], rows: Sequence[Competitor], results: Results
) -> dict[str, dict[str, np.ndarray]]:
    """An entry of each kind, with what each system makes of it: the first of those that most systems have scores of."""
    scored = {(row.entry, row.system) for row in results.rows}
    systems = {entry.name: [row for row in rows if (entry.name, row.name) in scored] for entry in entries}
    clips = {}
    for kind in KINDS:
        entry = max((e for e in entries if e.kind == kind), key=lambda e: len(systems[e.name]), default=None)
        if entry is not None and systems[entry.name]:
            item = entry.read()
            audios = {row.name: enhance(entry, item, row)[0] for row in systems[entry.name] if row.takes(entry)}
            heading = f"{kind}, cutoff {entry.cutoff_freq / 1000:g} kHz\n{entry.clip}"
            clips[heading] = audios | {TRUTH: item["reference"]}
    return clips


def best_and_worst(
    entries: Sequence[Entry], competitor: Competitor, results: Results
) -> dict[str, dict[str, tuple[np.ndarray, int]]]:
    """Rows of a sheet: before, after and truth of what a system does best and worst, of each kind.

    Of each clip one row: that of its lowest cutoff, where there is most to make.
    """
    scores = {row.entry: row.scores[SHEET_SCORE] for row in results.rows if row.system == competitor.name}
    scored = [e for e in entries if e.cutoff_freq <= SHEET_HIGHEST_CUTOFF and not np.isnan(scores.get(e.name, np.nan))]
    scored.sort(key=lambda entry: entry.cutoff_freq, reverse=True)
    of_clips = {entry.clip: entry for entry in scored}.values()
    sheet = {}
    for kind in KINDS:
        ranked = sorted((entry for entry in of_clips if entry.kind == kind), key=lambda entry: scores[entry.name])
        for entry in [*ranked[:NUM_BEST], *ranked[NUM_BEST:][-NUM_BEST:]]:
            item = entry.read()
            sheet[f"{kind}, {entry.cutoff_freq / 1000:g} kHz: {scores[entry.name]:.2f}\n{entry.clip[-24:]}"] = {
                "before": (item["audio"], item["sampling_rate"]),
                "after": (enhance(entry, item, competitor)[0], SAMPLING_RATE),
                "truth": (item["reference"], SAMPLING_RATE),
            }
    return sheet


def shown(path: str) -> str:
    """Of folders elsewhere only the name: results are published."""
    kind, separator, folder = path.rpartition("=")
    elsewhere = Path(folder).is_absolute() or ".." in Path(folder).parts
    return kind + separator + (Path(folder).name if elsewhere else folder)


def made_with(arguments: argparse.Namespace, rows: Sequence[Competitor], results: Results) -> Iterator[str]:
    """Command line, settings, versions and hardware."""
    command = f"python -m benchmarks.table1 --data {' '.join(map(shown, arguments.data))}"
    for kind, name, source in arguments.system:
        command += f" --system {kind}{':' * bool(kind)}{name}={shown(source)}"
    command += f" --checkpoint {shown(arguments.checkpoint)} --lowpass {arguments.lowpass}"
    command += " --fast" * arguments.fast
    command += f" --output {shown(str(arguments.output))}" if arguments.output else ""
    yield f"`{command}`"
    if arguments.fast:
        yield f"a sample: about {FAST_ENTRIES} clips, evenly spaced in each column, and as many of each if it has them"
    for row in rows:
        if isinstance(row.system, AudioSRPipeline):
            yield f"{row.name}: {settings_of(row.system)}"
            entries = defaultdict(list)
            for result in results.rows:
                if result.system == row.name:
                    entries[result.action].append(result.entry)
            # What it leaves alone is scored as it came out.
            did = (f"{len(names)} {action.replace('_', ' ')}, such as {names[0]}" for action, names in entries.items())
            yield f"{row.name}: {'; '.join(did)}"
    yield "the noise that a system begins with has a seed of the clip's name, set, low-pass and cutoff: all begin alike"
    yield from software_and_hardware()


def parse(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table1", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", required=True, help="folders, or KIND=FOLDER")
    parser.add_argument(
        "--system",
        nargs="+",
        action="extend",
        default=[],
        metavar="[KIND:]NAME=SOURCE",
        help="further rows, of speech, music or effects alone if a KIND is named: a trained baseline's folder, a "
        "folder of outputs, or a checkpoint of AudioSR",
    )
    parser.add_argument("--checkpoint", default="audiosr-mini", help="what from_pretrained takes; default: %(default)s")
    parser.add_argument("--lowpass", choices=LOWPASSES, default="paper", help="default: %(default)s")
    parser.add_argument("--fast", action="store_true", help=f"about {FAST_ENTRIES} clips: minutes")
    parser.add_argument(
        "--perceptual", action="store_true", help="also ViSQOL and Zimtohrli, of the [perceptual] extra: hours"
    )
    parser.add_argument("--output", type=Path, help="Markdown file; rows and figures go beside it")
    arguments = parser.parse_args(argv)
    arguments.system = [_further(argument) for argument in arguments.system]
    if bad := [name for _, name, source in arguments.system if not name or not source]:
        parser.error(f"--system {bad[0]} is not NAME=SOURCE")
    names = ["GT-Mel", *TRUE_STAGES, "True levels", "Unprocessed", Path(arguments.checkpoint).name]
    names += [name for _, name, _ in arguments.system]
    names += {f"{name} (page)" for name in PAGE_SYSTEMS.values()}
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        parser.error(f"there are two systems named {twice[0]}: give each a name of its own")
    if arguments.output and arguments.output.suffix != ".md":
        parser.error(f"--output {arguments.output} has to end in .md: rows and figures go beside it under that name")
    return parser, arguments


def _further(argument: str) -> tuple[str, str, str]:
    """Kind, name and source of a `--system`; what isn't there is empty."""
    name, _, source = argument.partition("=")
    kind, _, of_kind = name.partition(":")
    return (kind, of_kind, source) if kind in KINDS else ("", name, source)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints and writes the table; returns the exit code."""
    parser, arguments = parse(argv)
    try:
        entries = [entry for source in arguments.data for entry in find_entries(source, arguments.lowpass)]
        if twice := [name for name, times in Counter(entry.name for entry in entries).items() if times > 1]:
            raise ValueError(f"{twice[0]} is there twice: give each data set once, and one folder of music.")
        folders = [Path(source.rpartition("=")[2]) for source in arguments.data]
        omitted = [row for folder in folders if (folder / "groups.csv").is_file() for row in left_out(folder)]
        omitted += [
            (entry.clip, role, "other systems than the table's")
            for entry in entries
            for role in entry.outputs
            if role not in PAGE_SYSTEMS
        ]
        rows, described = competitors(arguments.checkpoint, arguments.system)
    except (OSError, ValueError) as error:
        parser.error(" ".join(str(error).split()))
    if arguments.fast:
        entries = sample(entries, FAST_ENTRIES)
    try:
        results = measure(entries, rows, STORE, arguments.perceptual)
    except ImportError as error:
        parser.error(str(error))
    for name, system, reason in results.failed:
        print(f"table1: {name}, {system}: {reason}", file=sys.stderr)
    if not results.rows:
        print("table1: there is nothing to show", file=sys.stderr)
        return 1
    conditions = list(made_with(arguments, rows, results))
    table = markdown(results, described, Path(arguments.checkpoint).name, omitted, conditions)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(table, encoding="utf-8")
        write_rows(results.rows, arguments.output.with_suffix(".csv"))
        draw_side_by_side(arguments.output.with_suffix(".png"), side_by_side(entries, rows, results))
        speed = arguments.output.with_name(f"{arguments.output.stem}_speed.png")
        draw_speed(speed, Table(results.rows, described))
        own = next(row for row in rows if row.name == Path(arguments.checkpoint).name)
        if sheet := best_and_worst(entries, own, results):
            heading = f"{own.name}: best and worst by {SHEET_SCORE}"
            save_spectrogram_sheet(arguments.output.with_name(f"{arguments.output.stem}_sheet.png"), sheet, heading)
    print(table)
    return int(bool(results.failed))


if __name__ == "__main__":
    sys.exit(main())
