"""The paper's Table 1: systems by data set and cutoff.

    python -m benchmarks.table1 --data DIR... --system NVSR-DNN=runs/nvsr-dnn/best --output benchmarks/results/table1.md
    python -m benchmarks.table1 --data DIR... --perceptual --output benchmarks/results/pages.md
    python -m benchmarks.table1 --data esc10_fold5 --ablation --output benchmarks/results/mini.md

Prints the table, and writes it, its rows (.csv), systems side by side (.png), quality against speed (_speed.png) and
what AudioSR does best and worst (_sheet.png). The second is of demo pages alone, whose systems' outputs are there, and
has perceptual scores too. The third is of one checkpoint alone: what its seed and its condition decide, beside noise
that costs nothing; its picture is of six clips.
What is done is kept in `.cache/table1`, and a second run goes on from there. Exit code 1 if an output could not be
compared.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.spectrogram import save_spectrogram_sheet
from benchmarks.data.demos import left_out
from benchmarks.data.entries import LOWPASSES, Entry
from benchmarks.data.find import find_entries
from benchmarks.machine import settings_of, shown, software_and_hardware
from benchmarks.table1 import ablation, layout
from benchmarks.table1.competitors import KINDS, OWN_ROWS, PAGE_SYSTEMS, competitors
from benchmarks.table1.figures import draw_side_by_side, draw_speed
from benchmarks.table1.measure import Competitor, Results, measure, sample
from benchmarks.table1.sheets import SHEET_SCORE, best_and_worst, evenly_spaced, side_by_side

STORE = Path(".cache/table1")
# About five minutes on one core with audiosr-mini and the small baselines, on clips of some five seconds.
FAST_ENTRIES = 40


def made_with(arguments: argparse.Namespace, of_systems: Sequence[str]) -> Iterator[str]:
    """Command line, what is to be said of the systems, versions and hardware."""
    command = f"python -m benchmarks.table1 --data {' '.join(map(shown, arguments.data))}"
    for kind, name, source in arguments.system:
        command += f" --system {kind}{':' * bool(kind)}{name}={shown(source)}"
    command += " --ablation" * arguments.ablation
    command += f" --checkpoint {shown(arguments.checkpoint)} --lowpass {arguments.lowpass}"
    command += " --fast" * arguments.fast + " --perceptual" * arguments.perceptual
    command += f" --output {shown(str(arguments.output))}" if arguments.output else ""
    yield f"`{command}`"
    if arguments.fast:
        yield f"a sample: about {FAST_ENTRIES} clips, evenly spaced in each column, and as many of each if it has them"
    yield from of_systems
    yield from software_and_hardware()


def of_pipelines(rows: Sequence[Competitor], results: Results) -> Iterator[str]:
    """Settings of each checkpoint, and what it did."""
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


def parse(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """The parser, for errors that come later, and the command line's arguments."""
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
    parser.add_argument(
        "--ablation",
        action="store_true",
        help="instead, the checkpoint with two seeds and with another clip's condition, and noise; cutoffs to "
        f"{ablation.HIGHEST_CUTOFF} Hz",
    )
    parser.add_argument("--checkpoint", default="audiosr-mini", help="what from_pretrained takes; default: %(default)s")
    parser.add_argument("--lowpass", choices=LOWPASSES, default="paper", help="default: %(default)s")
    parser.add_argument("--fast", action="store_true", help=f"about {FAST_ENTRIES} clips: minutes")
    parser.add_argument(
        "--perceptual",
        action="store_true",
        help="demo pages alone, with ViSQOL and Zimtohrli, of the [perceptual] extra, too: an hour",
    )
    parser.add_argument("--output", type=Path, help="Markdown file; rows and figures go beside it")
    arguments = parser.parse_args(argv)
    if arguments.ablation and arguments.system:
        parser.error("--ablation is of the checkpoint alone: leave out --system")
    arguments.system = [_further(argument) for argument in arguments.system]
    if bad := [name for _, name, source in arguments.system if not name or not source]:
        parser.error(f"--system {bad[0]} is not NAME=SOURCE")
    names = [*OWN_ROWS, Path(arguments.checkpoint).name, *(name for _, name, _ in arguments.system)]
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


def entries_of(arguments: argparse.Namespace) -> list[Entry]:
    """What is measured.

    Raises:
        As `find_entries`.
    """
    entries = [entry for source in arguments.data for entry in find_entries(source, arguments.lowpass)]
    if twice := [name for name, times in Counter(entry.name for entry in entries).items() if times > 1]:
        raise ValueError(f"{twice[0]} is there twice: give each data set once, and one folder of music.")
    if arguments.ablation:
        entries = [entry for entry in entries if entry.cutoff_freq <= ablation.HIGHEST_CUTOFF]
    if arguments.perceptual:
        entries = [entry for entry in entries if entry.data in layout.PAGE_DATA]
    return entries


def omissions(data: Sequence[str], entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """Group, role and reason of the demo pages' files that aren't compared."""
    folders = [Path(source.rpartition("=")[2]) for source in data]
    omitted = [row for folder in folders if (folder / "groups.csv").is_file() for row in left_out(folder)]
    of_others = [(entry.clip, role) for entry in entries for role in entry.outputs if role not in PAGE_SYSTEMS]
    return omitted + [(clip, role, "other systems than the table's") for clip, role in of_others]


def draw(arguments: argparse.Namespace, entries: Sequence[Entry], rows: Sequence[Competitor], results: Results) -> None:
    """The pictures beside the table."""
    output, name = arguments.output, Path(arguments.checkpoint).name
    if arguments.ablation:
        lowest = min(entry.cutoff_freq for entry in entries)
        own = next(row for row in rows if row.name == ablation.own(name, 0))
        sheet = evenly_spaced([entry for entry in entries if entry.cutoff_freq == lowest], own)
        save_spectrogram_sheet(output.with_suffix(".png"), sheet, f"{name}, low-passed at {lowest} Hz")
        return
    draw_side_by_side(output.with_suffix(".png"), side_by_side(entries, rows, results))
    systems = [row.name for row in rows]
    draw_speed(output.with_name(f"{output.stem}_speed.png"), layout.Table(results.rows, systems))
    if sheet := best_and_worst(entries, next(row for row in rows if row.name == name), results):
        heading = f"{name}: best and worst by {SHEET_SCORE}"
        save_spectrogram_sheet(output.with_name(f"{output.stem}_sheet.png"), sheet, heading)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints and writes the table; returns the exit code."""
    parser, arguments = parse(argv)
    try:
        entries = entries_of(arguments)
        omitted = omissions(arguments.data, entries)
        entries = sample(entries, FAST_ENTRIES) if arguments.fast else entries
        pipe = AudioSRPipeline.from_pretrained(arguments.checkpoint)
        pipe.set_progress_bar_config(disable=True)
        if arguments.ablation:
            rows = ablation.competitors(pipe, arguments.checkpoint, entries)
        else:
            rows, described = competitors(pipe, arguments.checkpoint, arguments.system)
    except (OSError, ValueError) as error:
        parser.error(" ".join(str(error).split()))
    try:
        results = measure(entries, rows, STORE, arguments.perceptual)
    except ImportError as error:
        parser.error(str(error))
    for name, system, reason in results.failed:
        print(f"table1: {name}, {system}: {reason}", file=sys.stderr)
    if not results.rows:
        print("table1: there is nothing to show", file=sys.stderr)
        return 1
    if arguments.ablation:
        conditions = list(made_with(arguments, [f"settings {settings_of(pipe)}"]))
        table = ablation.markdown(results, Path(arguments.checkpoint).name, conditions)
    else:
        conditions = list(made_with(arguments, list(of_pipelines(rows, results))))
        table = layout.markdown(results, described, Path(arguments.checkpoint).name, omitted, conditions)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(table, encoding="utf-8")
        layout.write_rows(results.rows, arguments.output.with_suffix(".csv"))
        draw(arguments, entries, rows, results)
    print(table)
    return int(bool(results.failed))


if __name__ == "__main__":
    sys.exit(main())
