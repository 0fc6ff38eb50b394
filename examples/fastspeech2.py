"""FastSpeech 2 at 48 kHz: two sentences in one batch, each at its own length."""

import soundfile
from transformers import FastSpeech2ConformerTokenizer, FastSpeech2ConformerWithHifiGan

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution

# The tokenizer needs g2p-en.
tokenizer = FastSpeech2ConformerTokenizer.from_pretrained("espnet/fastspeech2_conformer")
generator = FastSpeech2ConformerWithHifiGan.from_pretrained("espnet/fastspeech2_conformer_with_hifigan")
audiosr = AudioSRPipeline.from_pretrained("audiosr-mini")
model = with_super_resolution(generator, audiosr)

out = model(**tokenizer(["Good morning.", "The rain has stopped at last."], padding=True, return_tensors="pt"))

for index, (audio, report) in enumerate(zip(out.waveform, out.reports, strict=True)):
    # The shorter sentence is padded with silence.
    num_samples = round(report.duration_s * out.sampling_rate)
    soundfile.write(f"sentence_{index}.wav", audio[:num_samples].numpy(), out.sampling_rate, subtype="FLOAT")
