"""AudioLDM 2 at 48 kHz, beside what it makes by itself."""

import soundfile
import torch
from diffusers import AudioLDM2Pipeline
from transformers import GPT2LMHeadModel

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

checkpoint = "cvssp/audioldm2"
# The checkpoint names GPT2Model, which can't generate any more under transformers 5.
language_model = GPT2LMHeadModel.from_pretrained(checkpoint, subfolder="language_model")
generator = AudioLDM2Pipeline.from_pretrained(checkpoint, language_model=language_model)
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
