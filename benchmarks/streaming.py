"""How late, how heavy and how steady streams are: `python -m benchmarks.streaming`.

Prints, for each rate and number of channels, the latency, the processor time per second of sound, and how long blocks
of 10 ms take, beside another process that keeps a core busy; and in the same run what `audiosr-mini` takes for whole
clips. Then a stream of many minutes at its own pace: blocks that came too late for a player with 30 ms in hand, and
memory.
"""

import argparse
import multiprocessing
import resource
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch

from audiosr_pipeline import AudioSRPipeline, StreamingAudioSR
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.tables import markdown_table
from benchmarks.machine import software_and_hardware
from benchmarks.speed import test_signal

STREAMS = ((8_000, 1), (16_000, 1), (22_050, 1), (44_100, 1), (16_000, 2), (44_100, 2))
BLOCK_S = 0.01
# What a player holds beside the block that it plays: a step of the stream, after which several blocks come at once.
IN_HAND_S = 0.03
CLIP_S = 10.24


def keep_busy() -> None:
    """Keeps a core busy until it is ended."""
    while True:
        pass


def blocks_of(seconds: float, rate: int, channels: int) -> list[np.ndarray]:
    """Blocks of 10 ms, `(channels, num_samples)`, of sound that ends at four fifths of the Nyquist frequency."""
    audio = lowpass(test_signal(seconds * rate / 16_000, channels), 0.4 * rate, rate).astype(np.float32)
    cuts = np.round(np.arange(1, round(seconds / BLOCK_S)) * BLOCK_S * rate).astype(int)
    return np.split(audio, cuts, axis=1)


def run_by(model: str) -> str:
    """What a row says of exported models."""
    return ", onnxruntime" if model.endswith(".onnx") else ""


def load_table(models: list[str], seconds: float) -> list[str]:
    """Latency and load of streams, and of whole clips."""
    rows = []
    for model, (rate, channels) in product(models, STREAMS):
        blocks = blocks_of(seconds + 1, rate, channels)
        stream = StreamingAudioSR(model, rate, channels)
        durations: list[float] = []
        for index, block in enumerate(blocks):
            # The first second isn't counted, in which libraries are loaded.
            if index == round(1 / BLOCK_S):
                durations.clear()
                used = time.process_time()
            start = time.perf_counter()
            stream.push(block)
            durations.append(1e3 * (time.perf_counter() - start))
        used = (time.process_time() - used) / seconds
        stream.flush()
        p50, p99, longest = np.quantile(durations, [0.5, 0.99, 1.0])
        rows.append(
            (
                f"{rate} Hz, {'mono' if channels == 1 else 'stereo'}{run_by(model)}",
                f"{stream.latency_samples / 48:.1f}",
                f"{used:.3f}",
                *(f"{value:.2f}" for value in (p50, p99, longest)),
            )
        )
    pipe = AudioSRPipeline.from_pretrained("audiosr-mini")
    pipe.set_progress_bar_config(disable=True)
    audio = test_signal(CLIP_S, 1)
    uses = []
    for _ in range(3):
        start = time.process_time()
        pipe([audio], sampling_rate=16_000, generator=torch.Generator().manual_seed(0))
        uses.append((time.process_time() - start) / CLIP_S)
    rows.append((f"audiosr-mini, whole clips of {CLIP_S} s", "", f"{min(uses[1:]):.3f}", "", "", ""))
    header = ("Stream", "Latency (ms)", "CPU-s per s", "Median of 10 ms (ms)", "99 % (ms)", "Longest (ms)")
    return list(markdown_table(header, rows))


def paced(model: str, minutes: float) -> str:
    """A mono stream of 16 kHz at its own pace: late blocks and memory."""
    stream = StreamingAudioSR(model, 16_000)
    blocks = blocks_of(60.0, 16_000, 1)
    late, memory = 0, []
    num_blocks = round(60 * minutes / BLOCK_S)
    start = time.perf_counter()
    for index in range(num_blocks):
        # A block is there when its last sample is.
        due = start + (index + 1) * BLOCK_S
        time.sleep(max(due - time.perf_counter(), 0))
        stream.push(blocks[index % len(blocks)])
        late += time.perf_counter() > due + BLOCK_S + IN_HAND_S
        if index in (num_blocks // 10, num_blocks - 1):
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    return (
        f"- {minutes:g} minutes of 16 kHz mono at their own pace{run_by(model)}: "
        f"{late} of {num_blocks} blocks late for a player with "
        f"{1e3 * IN_HAND_S:.0f} ms in hand; peak memory of the process {memory[0]:.0f} MB after a tenth of it, "
        f"{memory[1]:.0f} MB at its end"
    )


def main() -> None:
    """Prints the tables, and writes them if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__.splitlines()[0])
    accepted = "what StreamingAudioSR takes, each a part of the table; the last is run at its own pace"
    parser.add_argument("--model", nargs="+", default=["audiosr-mini-streaming"], help=accepted)
    parser.add_argument("--seconds", type=float, default=20.0, help="of sound for each row of the table")
    parser.add_argument("--minutes", type=float, default=20.0, help="of the stream at its own pace")
    parser.add_argument("--output", type=Path, help="Markdown file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    busy = multiprocessing.get_context("spawn").Process(target=keep_busy, daemon=True)
    busy.start()
    try:
        lines = ["# Streams: latency, load and steadiness", "", *load_table(arguments.model, arguments.seconds), ""]
        lines.append(paced(arguments.model[-1], arguments.minutes))
    finally:
        busy.kill()
    lines += [f"- {line}" for line in software_and_hardware()]
    lines += [
        f"- one thread, beside a process that keeps a core busy; blocks of 10 ms; {arguments.seconds:g} s of noise "
        "bursts a row after a warm-up of one second",
        "- the latency is the algorithm's: buffers of sound cards come on top",
    ]
    print("\n".join(lines))
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
