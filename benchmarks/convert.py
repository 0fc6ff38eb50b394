"""Memory and time that the official checkpoint's conversion takes: `python -m benchmarks.convert MANIFEST`.

The file that is converted has the official one's keys and shapes, which MANIFEST lists (JSON: for each key `shape` and
`dtype`), and weights made by recipe; what no component needs is filled with zeros. Each row is measured in a process of
its own, on Linux.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from audiosr_pipeline import AudioSRPipeline, cli
from audiosr_pipeline.convert.components import CONDITION
from audiosr_pipeline.convert.keys import UNET, VAE
from audiosr_pipeline.tables import markdown_table
from benchmarks.machine import software_and_hardware
from tests.official import SCALE_FACTOR, cosine_schedule, recipe_weight

CHECKPOINT, CONVERTED = "pytorch_model.bin", "converted"
WAYS: dict[str, Callable[[], object]] = {
    "importing the package": lambda: None,
    "`from_single_file`": lambda: AudioSRPipeline.from_single_file(CHECKPOINT),
    "`from_single_file`, float16": lambda: AudioSRPipeline.from_single_file(CHECKPOINT, dtype=torch.float16),
    "`audiosr-pipeline convert`": lambda: cli.main(["convert", CHECKPOINT, CONVERTED]),
}
COLUMNS = "", "Seconds", "CPU-seconds", "Peak memory without mapped files", "Peak memory with mapped files"
INTERVAL_S = 0.002


def make_checkpoint(manifest: Path, path: Path) -> None:
    """Writes a checkpoint with all keys of the manifest."""
    tensors: dict[str, torch.Tensor] = {}
    for key, entry in json.loads(manifest.read_text()).items():
        if key == "scale_factor":
            tensors[key] = torch.tensor(SCALE_FACTOR)
        elif key == "alphas_cumprod":
            tensors[key] = cosine_schedule()
        elif key.startswith((UNET, VAE)):
            tensors[key] = recipe_weight(key, entry["shape"])
        else:
            tensors[key] = torch.zeros(entry["shape"], dtype=getattr(torch, entry["dtype"]))
    for key in tensors:
        if key.startswith(CONDITION):
            # A copy, because torch.save would write what is shared once.
            tensors[key] = tensors[key.replace(CONDITION, VAE, 1)].clone()
    torch.save({"state_dict": tensors}, path)


def memory(field: str) -> float:
    """A field of this process's status, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1_024


def measure(way: str, folder: str) -> None:
    """Converts the checkpoint in a folder, in this process, and prints the row of the table last, in JSON."""
    os.chdir(folder)
    peak, is_done = memory("RssAnon"), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_done.wait(INTERVAL_S):
            peak = max(peak, memory("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, cpu_start = time.perf_counter(), time.process_time()
    # Held until the memory is read.
    result = WAYS[way]()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    is_done.set()
    watcher.join()
    peak = max(peak, memory("RssAnon"))
    del result
    total = memory("VmHWM")
    print(json.dumps([way, f"{seconds:.1f}", f"{cpu_seconds:.1f}", f"{peak / 1e9:.2f} GB", f"{total / 1e9:.2f} GB"]))


def main() -> None:
    """Prints the table, and writes it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convert", description="Memory and time of converting.")
    parser.add_argument("manifest", type=Path, help="keys, shapes and types of the official checkpoint, JSON")
    parser.add_argument("--scratch", help="folder for about 9 GB of temporary files; default: the system's")
    parser.add_argument("--output", help="Markdown file")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FOLDER"), help="one row, in this process")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
        return
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        checkpoint = Path(scratch) / CHECKPOINT
        make_checkpoint(arguments.manifest, checkpoint)
        size = checkpoint.stat().st_size
        rows = []
        for way in WAYS:
            command = [sys.executable, "-m", "benchmarks.convert", str(arguments.manifest), "--measure", way, scratch]
            process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            *report, row = process.stdout.splitlines()
            rows.append(json.loads(row))
        written = sum(path.stat().st_size for path in (Path(scratch) / CONVERTED).rglob("*") if path.is_file())
    lines = [
        "# Converting the official checkpoint",
        "",
        *markdown_table(COLUMNS, rows),
        "",
        f"- a file of {size / 1e9:.2f} GB, random weights, read from the page cache; {written / 1e9:.2f} GB written",
        "- without mapped files: anonymous memory (RssAnon), read every 2 ms; with them: all resident memory (VmHWM); "
        "the system takes mapped memory back when it is needed",
        "- each row's memory contains that of importing the package, its seconds don't",
        *(f"- {line}" for line in software_and_hardware()),
        "",
        "What `convert` prints:",
        "",
        "```",
        *report,
        "```",
    ]
    print("\n".join(lines))
    if arguments.output:
        Path(arguments.output).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
