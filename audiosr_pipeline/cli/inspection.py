"""`inspect`: what is found in each input."""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from audiosr_pipeline.audio_io import audio_notes
from audiosr_pipeline.cli.messages import OUTCOMES, complain, describe_error, say, say_text
from audiosr_pipeline.cli.sources import find_sources
from audiosr_pipeline.cli.streams import as_file, as_text, shown
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.inputs import load_clips
from audiosr_pipeline.pipelines.inspection import inspect_clip


def run(arguments: argparse.Namespace) -> int:
    """Prints what is found in each input; returns the exit code."""
    sources, failures, notes = find_sources(arguments.inputs)
    for line in [*failures, *notes]:
        complain(line)
    rows = []
    if not arguments.json:
        say("   rate  channels    length      peak   cutoff  bandwidth  file: what would become of it")
    for source, _ in sources:
        try:
            row = inspect_file(source)
        except Exception as error:
            complain(describe_error(shown(source), error))
            continue
        rows.append(row)
        if not arguments.json:
            numbers = (
                f"{row['sampling_rate']:7d}{row['num_channels']:10d}{row['duration_s']:8.2f} s{row['peak_db']:7.1f} dB"
                f"{row['cutoff_freq']:6.0f} Hz{row['bandwidth']:8.0f} Hz"
            )
            remarks = "; ".join([OUTCOMES[row["action"]], row["reason"], *row["notes"]])
            say(f"{numbers}  {shown(source)}: {remarks}")
    if arguments.json:
        say_text(json.dumps(rows, indent=2, allow_nan=False))
    return 1 if failures or len(rows) < len(sources) else 0


def inspect_file(path: Path) -> dict[str, Any]:
    """What a report would say before anything is generated, and the input's peak in dB of full scale, from -200 on."""
    with as_file(path) as file:
        (clip,) = load_clips([file], None)
        reading_notes = audio_notes(file)
    found = inspect_clip(clip, resample(clip.audio, clip.sampling_rate, 48_000))
    channels, num_samples = clip.audio.shape
    return {
        "input": as_text(path),
        "sampling_rate": clip.sampling_rate,
        "num_channels": channels,
        "duration_s": num_samples / clip.sampling_rate,
        "peak_db": 20 * math.log10(max(float(np.abs(clip.audio).max()), 1e-10)),
        **vars(found),
        "notes": [*reading_notes, *found.notes],
    }
