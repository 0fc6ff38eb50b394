"""Writes what the systems are given as WAV files, for a program outside to enhance.

    python -m benchmarks.data.export --data DIR --output inputs

A folder of its outputs with the same names is a system of the table.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from audiosr_pipeline.audio_io import write_audio
from benchmarks.data.entries import LOWPASSES
from benchmarks.data.find import find_entries


def main(argv: Sequence[str] | None = None) -> int:
    """Writes a file for each entry; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data.export", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", required=True, help="folders, or KIND=FOLDER")
    parser.add_argument("--lowpass", choices=LOWPASSES, default="paper", help="default: %(default)s")
    parser.add_argument("--output", type=Path, required=True, help="folder that the files are written to")
    arguments = parser.parse_args(argv)
    try:
        entries = [entry for source in arguments.data for entry in find_entries(source, arguments.lowpass)]
        for entry in tqdm(entries, desc="export", unit="file"):
            item = entry.read()
            path = arguments.output / f"{entry.name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Filters overshoot, and floats hold what is beyond full scale.
            write_audio(path, item["audio"], item["sampling_rate"], "FLOAT")
    except (OSError, ValueError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
