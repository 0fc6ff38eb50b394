"""How fast a checkpoint runs and how much memory it takes: `python -m benchmarks.speed`.

Prints the real-time factor (seconds of work per second of audio, below 1 is faster than real time) of the default
settings for clips of several lengths, the share of each step, and the peak memory of a long stereo recording, which is
measured in a process of its own. With `--reference-environment`, prints how the published `audiosr` package compares
instead, at the official checkpoint's size (`benchmarks/reference_speed.py`).
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.tables import markdown_table
from benchmarks.machine import settings_of, software_and_hardware
from benchmarks.measuring import STEPS, peak_memory, timed
from benchmarks.reference_speed import reference_speed

SAMPLING_RATE = 16_000
LENGTHS_S = (5.12, 30.0)
REPEATS = 3
BLOCK_SAMPLES = 1 << 20


def test_signal(duration_s: float, num_channels: int) -> np.ndarray:
    """Noise bursts at 16 kHz, `(num_channels, num_samples)`, float32; made in blocks to take no memory itself."""
    rng = np.random.default_rng(0)
    audio = np.empty((num_channels, round(duration_s * SAMPLING_RATE)), np.float32)
    for start in range(0, audio.shape[1], BLOCK_SAMPLES):
        block = audio[:, start : start + BLOCK_SAMPLES]
        envelope = 0.05 + 0.1 * (np.arange(block.shape[1]) % SAMPLING_RATE < SAMPLING_RATE // 2)
        block[:] = rng.standard_normal(block.shape, dtype=np.float32) * envelope.astype(np.float32)
    return audio


def speed_table(checkpoint: str) -> list[str]:
    """Real-time factors and the shares of the pipeline's steps."""
    pipe = AudioSRPipeline.from_pretrained(checkpoint)
    pipe.set_progress_bar_config(disable=True)
    seconds: dict[str, float] = {}
    for name in STEPS:
        setattr(pipe, name, timed(getattr(pipe, name), name, seconds))
    rows = []
    for length in LENGTHS_S:
        for num_channels in (1, 2):
            audio = test_signal(length, num_channels)
            runs = []
            for repeat in tqdm(range(REPEATS + 1), desc=f"{length} s, {num_channels} channels", leave=False):
                if repeat == 1:
                    seconds.clear()
                start = time.perf_counter()
                pipe([audio], sampling_rate=SAMPLING_RATE, generator=torch.Generator().manual_seed(0))
                runs.append((time.perf_counter() - start) / length)
            total = sum(seconds.values())
            shares = (f"{100 * seconds[name] / total:.0f} %" for name in STEPS)
            factor = f"{statistics.median(runs[1:]):.2f} ({min(runs[1:]):.2f}-{max(runs[1:]):.2f})"
            rows.append((f"{length:g} s, {'mono' if num_channels == 1 else 'stereo'}", factor, *shares))
    lines = [*markdown_table(("Clip", "Real-time factor", *STEPS), rows), "", f"- {checkpoint}: {settings_of(pipe)}"]
    lines += [f"- {line}" for line in software_and_hardware()]
    lines += [f"- 16 kHz input, median and range of {REPEATS} runs after a warm-up, loading not counted"]
    return lines


def long_recording(checkpoint: str, minutes: float) -> None:
    """Runs a long stereo recording and prints this process's peak memory."""
    pipe = AudioSRPipeline.from_pretrained(checkpoint)
    pipe.set_progress_bar_config(disable=True)
    audio = test_signal(60 * minutes, 2)
    start = time.perf_counter()
    output = pipe([audio], sampling_rate=SAMPLING_RATE, generator=torch.Generator().manual_seed(0))
    factor = (time.perf_counter() - start) / (60 * minutes)
    assert output.audios[0].shape == (2, 3 * audio.shape[1])
    print(
        f"- {minutes:g} minutes of stereo: peak memory of the whole process {peak_memory() / 1e9:.2f} GB, "
        f"real-time factor {factor:.2f}"
    )


def main() -> None:
    """Prints the tables, and writes them if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description="Speed and memory of a checkpoint.")
    parser.add_argument("--checkpoint", default="audiosr-mini", help="what from_pretrained takes")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long recording")
    parser.add_argument("--output", help="Markdown file")
    parser.add_argument("--memory-only", action="store_true", help="the long recording alone, in this process")
    parser.add_argument(
        "--reference-environment",
        type=Path,
        metavar="DIR",
        help="environment of the published package, made if it doesn't exist; takes 12 GB of memory",
    )
    parser.add_argument(
        "--scratch", help="folder for temporary files, 5.4 GB beside the reference; default: the system's"
    )
    arguments = parser.parse_args()
    if arguments.memory_only:
        long_recording(arguments.checkpoint, arguments.minutes)
        return
    if arguments.reference_environment:
        lines = reference_speed(arguments.reference_environment, arguments.scratch)
    else:
        lines = ["# Speed and memory", "", *speed_table(arguments.checkpoint)]
        command = [sys.executable, "-m", "benchmarks.speed", "--memory-only", "--checkpoint", arguments.checkpoint]
        process = subprocess.run(
            [*command, "--minutes", str(arguments.minutes)], stdout=subprocess.PIPE, text=True, check=True
        )
        lines.append(process.stdout.strip())
    print("\n".join(lines))
    if arguments.output:
        Path(arguments.output).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
