"""What training at the published widths takes: `python -m benchmarks.training --data FOLDER`.

Runs real steps of each trainer with the preset `paper`, each in a process of its own, and prints the time of a step
and the peak memory: of AudioSR's parts, or of the baselines with `--baselines`. A step's time is the difference between
a run of eleven steps and one of one, so it leaves out what comes before and after: building the networks, validation,
the checkpoint.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from audiosr_pipeline.tables import markdown_table
from benchmarks.machine import software_and_hardware

STEPS = (1, 11)
BATCH_SIZE = 1
# What trains the parts, and which there are.
AUDIOSR = ("audiosr_pipeline.cli", "train"), ("vae", "ldm", "vocoder")
BASELINES = ("benchmarks.baselines.train",), ("nvsr-dnn", "nvsr-resunet", "nu-wave")


def run(trainer: tuple[str, ...], part: str, output: Path, num_steps: int, data: str, *flags: str) -> tuple[float, int]:
    """Trains a part for some steps in a process of its own: its wall seconds and its peak memory in bytes."""
    settings = {
        "preset": "paper",
        "data": data,
        "output": output,
        "batch-size": BATCH_SIZE,
        "num-steps": num_steps,
        "validation-every": max(STEPS),
        "num-threads": torch.get_num_threads(),
    }
    given = [argument for name, value in settings.items() for argument in (f"--{name}", str(value))]
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *trainer, part, *given, *flags])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(trainer)} {part} ended with exit code {os.waitstatus_to_exitcode(status)}.")
    return time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1_024)


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="examples", help="folder of audio files; default: %(default)s")
    parser.add_argument("--output", type=Path, help="file that it is written to as well")
    parser.add_argument("--baselines", action="store_true", help="the baselines instead of AudioSR's parts")
    arguments = parser.parse_args()
    trainer, parts = BASELINES if arguments.baselines else AUDIOSR
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            # The diffusion model needs the autoencoder that was just trained.
            flags = ("--vae", f"{folder}/vae-{STEPS[-1]}/best") if part == "ldm" else ()
            runs = [
                run(trainer, part, Path(folder, f"{part}-{steps}"), steps, arguments.data, *flags) for steps in STEPS
            ]
            (short, _), (long, peak) = runs
            rows.append((part, f"{(long - short) / (STEPS[1] - STEPS[0]):.1f}", f"{peak / 1e9:.1f} GB"))
    lines = [
        "# Training at the published widths",
        "",
        *markdown_table(("Part", "Seconds per step", "Peak memory"), rows),
        "",
        f"- `python -m benchmarks.training --data {arguments.data}{' --baselines' * arguments.baselines}`: "
        f"`python -m {' '.join(trainer)} PART --preset paper --batch-size {BATCH_SIZE}`, {STEPS[1]} steps, crops as in "
        "the preset, validation and checkpoint included in the memory",
        *(f"- {line}" for line in software_and_hardware()),
        "",
    ]
    print("\n".join(lines))
    if arguments.output:
        arguments.output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
