"""Stable Audio, which is stereo at 44.1 kHz, at 48 kHz, beside what it makes by itself."""

import soundfile
import torch
from diffusers import StableAudioPipeline

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

# The checkpoint's scheduler needs torchsde, and the checkpoint a token: its licence is accepted on its page.
generator = StableAudioPipeline.from_pretrained("stabilityai/stable-audio-open-1.0")
audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
# Audio that goes beyond 20 kHz, as this may, would otherwise be resampled alone.
pipe = with_super_resolution(generator, audiosr, on_full_band="run")

out = pipe("waves on a pebble beach", generator=torch.Generator().manual_seed(0))

# As floats, because Stable Audio goes beyond [-1, 1].
soundfile.write("waves.wav", out.audios[0].T.numpy(), out.sampling_rate, subtype="FLOAT")
soundfile.write("waves_before.wav", out.original[0].T.numpy(), out.sampling_rate, subtype="FLOAT")
