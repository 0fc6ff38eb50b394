"""What studies are built from in the tests: folders of generated audio, and models saved where they are loaded from."""

from pathlib import Path

import torch
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    EncodecFeatureExtractor,
    MusicgenProcessor,
)

from audiosr_pipeline.audio_io import write_audio
from tests.adapters.tiny import build_audioldm, build_fastspeech2, build_musicgen, build_t5_tokenizer
from tests.conftest import build_tiny_pipeline
from tests.signals import music_like


def save_audiosr(folder: Path) -> str:
    """A tiny AudioSR; what `from_pretrained` takes."""
    build_tiny_pipeline().save_pretrained(folder)
    return str(folder)


def save_clips(folder: Path, num_clips: int, sampling_rate: int = 16_000, seconds: float = 0.5) -> Path:
    """So many clips, no two alike."""
    folder.mkdir(parents=True)
    for index in range(num_clips):
        write_audio(folder / f"clip{index}.wav", music_like(seconds, sampling_rate, seed=index), sampling_rate)
    return folder


def save_generator(folder: Path, generator: str) -> str:
    """One of the paper's generators, tiny; FastSpeech 2 without its tokenizer."""
    if generator == "musicgen":
        build_musicgen().save_pretrained(folder)
        extractor = EncodecFeatureExtractor(feature_size=1, sampling_rate=32_000)
        MusicgenProcessor(extractor, build_t5_tokenizer()).save_pretrained(folder)
    else:
        {"audioldm": build_audioldm, "fastspeech2": build_fastspeech2}[generator]().save_pretrained(folder)
    return str(folder)


def save_tagger(folder: Path, music_bias: float = 0.0, labels: tuple[str, ...] = ("Speech", "Music", "Rain")) -> str:
    """A random audio spectrogram transformer of the real class; `music_bias` is added to the logit of its label 1."""
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=128,
        num_mel_bins=32,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model = ASTForAudioClassification(config)
    torch.nn.init.normal_(model.classifier.dense.weight)
    model.classifier.dense.bias.data[1] += music_bias
    model.save_pretrained(folder)
    ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)
    return str(folder)
