"""A folder of generated files at 48 kHz: python examples/enhance_folder.py FOLDER OUTPUT_FOLDER

`audiosr-pipeline enhance FOLDER -o OUTPUT_FOLDER` does the same, and can be resumed.
"""

import sys
from pathlib import Path

import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import audio_files, write_audio

folder, output_folder = map(Path, sys.argv[1:])
pipe = AudioSRPipeline.from_pretrained("audiosr-mini")

for path in audio_files(folder):
    # The same seed for each: a file's result doesn't depend on which others there are.
    out = pipe([path], generator=torch.Generator().manual_seed(0))
    target = output_folder / path.relative_to(folder).with_suffix(".wav")
    target.parent.mkdir(parents=True, exist_ok=True)
    audio = out.audios[0]
    write_audio(target, audio if audio.ndim == 2 else audio[None], out.sampling_rate, subtype="FLOAT")
    print(f"{path}: {out.reports[0].action}, {out.reports[0].reason}")
