"""MusicGen at 48 kHz: two pieces in one batch."""

import soundfile
import torch
from transformers import AutoProcessor, MusicgenForConditionalGeneration

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

processor = AutoProcessor.from_pretrained("facebook/musicgen-small")
generator = MusicgenForConditionalGeneration.from_pretrained("facebook/musicgen-small")
audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
model = with_super_resolution(generator, audiosr)

inputs = processor(text=["a slow piano ballad", "drum and bass"], padding=True, return_tensors="pt")
# MusicGen draws from torch's global generator; the one passed here seeds it for the length of the call.
audio = model.generate(**inputs, do_sample=True, max_new_tokens=256, generator=torch.Generator().manual_seed(0))

for index, piece in enumerate(audio):
    soundfile.write(f"piece_{index}.wav", piece.T.numpy(), audio.sampling_rate, subtype="FLOAT")
