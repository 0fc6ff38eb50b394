"""AudioGen of audiocraft at 48 kHz: two sounds in one batch. audiocraft's MusicGen goes the same way."""

import soundfile
import torch
from audiocraft.models import AudioGen

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

generator = AudioGen.get_pretrained("facebook/audiogen-medium")
generator.set_generation_params(duration=5)
audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
model = with_super_resolution(generator, audiosr)

# AudioGen draws from torch's global generator; the one passed here seeds it for the length of the call.
audio = model.generate(["a dog barks", "footsteps in a corridor"], generator=torch.Generator().manual_seed(0))

for index, sound in enumerate(audio):
    # audiocraft takes the GPU by itself if there is one.
    soundfile.write(f"sound_{index}.wav", sound.T.cpu().numpy(), audio.sampling_rate, subtype="FLOAT")
