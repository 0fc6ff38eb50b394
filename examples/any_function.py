"""Any function that returns audio at 48 kHz: int16 arrays without a rate, as ming024's FastSpeech2 gives them."""

from pathlib import Path

import numpy as np
import soundfile
import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution


def speak() -> list[np.ndarray]:
    """Stands for a text-to-speech system: one int16 array for each sentence, at 22.05 kHz."""
    speech, _ = soundfile.read(Path(__file__).with_name("speech_22khz.wav"), dtype="int16")
    return [speech[:82_320], speech[82_320:]]


audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
model = with_super_resolution(speak, audiosr, sampling_rate=22_050)

# Arguments would go to the function. Of arrays that are there already, `audiosr(arrays, 22_050).audios` makes the same.
sentences = model(generator=torch.Generator().manual_seed(0))

for index, sentence in enumerate(sentences):
    soundfile.write(f"sentence_{index}.wav", sentence, sentences.sampling_rate, subtype="FLOAT")
