"""AudioLDM 2 at 48 kHz, beside what it makes by itself."""

import soundfile
import torch
from diffusers import AudioLDM2Pipeline

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

# The checkpoint names a language model that can't generate under transformers 5: behind super-resolution it can.
generator = AudioLDM2Pipeline.from_pretrained("cvssp/audioldm2")
audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
pipe = with_super_resolution(generator, audiosr)

out = pipe(
    "a dog barks behind a door",
    num_inference_steps=50,
    audio_length_in_s=2.5,
    generator=torch.Generator().manual_seed(0),
)

# As floats, because audio may go beyond [-1, 1].
soundfile.write("bark.wav", out.audios[0], out.sampling_rate, subtype="FLOAT")
soundfile.write("bark_before.wav", out.original[0], out.sampling_rate, subtype="FLOAT")
