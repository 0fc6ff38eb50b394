"""Any model of transformers' text-to-audio pipeline at 48 kHz: here MMS, which speaks at 16 kHz."""

import soundfile
import torch
from transformers import pipeline

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

generator = pipeline("text-to-audio", model="facebook/mms-tts-eng")
audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
pipe = with_super_resolution(generator, audiosr)

outs = pipe(["Good morning.", "The rain has stopped at last."], generator=torch.Generator().manual_seed(0))

for index, out in enumerate(outs):
    soundfile.write(f"sentence_{index}.wav", out["audio"].T, out["sampling_rate"], subtype="FLOAT")
