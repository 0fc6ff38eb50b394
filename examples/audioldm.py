"""AudioLDM at 48 kHz, beside what it makes by itself."""

import soundfile
import torch
from diffusers import AudioLDMPipeline

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

generator = AudioLDMPipeline.from_pretrained("cvssp/audioldm-s-full-v2")
audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
pipe = with_super_resolution(generator, audiosr)

out = pipe("rain on a tin roof", audio_length_in_s=5.0, generator=torch.Generator().manual_seed(0))

# As floats, because audio may go beyond [-1, 1].
soundfile.write("rain.wav", out.audios[0], out.sampling_rate, subtype="FLOAT")
soundfile.write("rain_before.wav", out.original[0], out.sampling_rate, subtype="FLOAT")
