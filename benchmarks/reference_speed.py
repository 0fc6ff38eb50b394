"""How much processor time and memory we take of what the published `audiosr` package takes.

Printed by `python -m benchmarks.speed --reference-environment DIR`. Both load the same checkpoint, of the official
widths with random weights, and super-resolve the same clip in the same number of steps, one after the other, each in a
process of its own on one thread.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.tables import markdown_table
from benchmarks.machine import software_and_hardware
from benchmarks.measuring import STEPS, WARM_UP_STEPS, peak_memory, timed
from benchmarks.reference_environment import KEPT_MEMORY, PACKAGES, make_environment, run_measured
from benchmarks.side_by_side import DURATION_S, SPEECH, write_clip


def reference_speed(environment: Path, scratch: str | None) -> list[str]:
    """The lines of a Markdown document: CPU-seconds by step and peak memory of both, and the ratios.

    Args:
        environment: Folder of the package's virtual environment, made if it doesn't exist.
        scratch: Folder for the checkpoint; None is the system's.
    """
    python = make_environment(environment)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        checkpoint, clip, computed = (Path(folder) / name for name in ("pytorch_model.bin", "clip.wav", "computed"))
        write_clip(clip)
        shim = (python, "benchmarks.reference_shim")
        num_bytes = run_measured(*shim, "save", "--checkpoint", checkpoint)["num_bytes"]
        ours = run_measured(sys.executable, "benchmarks.reference_speed", checkpoint, clip)
        reference = run_measured(*shim, "run", "--checkpoint", checkpoint, "--audio", clip, "--output", computed)
    rows = []
    # The reference adjusts nothing.
    for step in (*(step for step in STEPS if step in reference["seconds"]), "all"):
        theirs, own = reference["seconds"][step], ours["seconds"][step]
        rows.append((f"{step}, CPU-seconds", f"{theirs:.1f}", f"{own:.1f}", f"{own / theirs:.2f}"))
    theirs, own = reference["peak_bytes"] / 1e9, ours["peak_bytes"] / 1e9
    memory = f"{theirs:.1f} GB", f"{own:.1f} GB", f"{own / theirs:.2f}"
    rows.append(("peak memory of the process, loading included", *memory))
    return [
        "# Speed beside the published package",
        "",
        *markdown_table(("", "reference", "ours", "ratio"), rows),
        "",
        f"- {DURATION_S:g} s of `examples/{SPEECH.name}` at 48 kHz, {ours['num_steps']} steps, eta 1, guidance 3.5",
        f"- one thread each; not counted in the seconds: loading, and a run of {WARM_UP_STEPS} steps that goes before, "
        "in which memory is touched for the first time",
        f"- glibc told to keep freed memory: {', '.join(f'`{name}={value}`' for name, value in KEPT_MEMORY.items())}",
        f"- a checkpoint of {num_bytes / 1e9:.1f} GB in the official form, at the official widths, random weights",
        f"- reference: `{PACKAGES[0]}` from the package index with the libraries below, without CLAP, which it builds "
        "and never calls (`benchmarks/reference_shim.py`): as published, it takes 0.8 GB more",
        *(f"- {line}" for line in software_and_hardware()),
    ]


def measure(checkpoint: str, clip: str) -> dict[str, Any]:
    """Runs our pipeline as `benchmarks.reference_shim` runs the package, and returns the same."""
    pipe = AudioSRPipeline.from_single_file(checkpoint)
    pipe.set_progress_bar_config(disable=True)
    seconds: dict[str, float] = {}
    for name in STEPS:
        setattr(pipe, name, timed(getattr(pipe, name), name, seconds, time.process_time))
    call = timed(pipe, "all", seconds, time.process_time)
    call(clip, num_inference_steps=WARM_UP_STEPS)
    seconds.clear()
    output = call(clip, generator=torch.Generator().manual_seed(0))
    settings = output.reports[0].settings
    return {"seconds": seconds, "peak_bytes": peak_memory(), "num_steps": settings["num_inference_steps"]}


def main() -> None:
    """Prints what `measure` finds, in JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reference_speed", description="One run of ours, measured."
    )
    parser.add_argument("checkpoint")
    parser.add_argument("clip")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(measure(arguments.checkpoint, arguments.clip)))


if __name__ == "__main__":
    main()
