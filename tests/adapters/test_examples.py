"""The examples run as they are, on tiny models in the place of those that they would download."""

import functools
import json
import runpy
import string
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import transformers
from diffusers import AudioLDM2Pipeline, AudioLDMPipeline, StableAudioPipeline
from transformers import (
    AutoProcessor,
    FastSpeech2ConformerTokenizer,
    FastSpeech2ConformerWithHifiGan,
    MusicgenForConditionalGeneration,
    VitsTokenizer,
)

from audiosr_pipeline import AudioSRPipeline
from tests.adapters.cases import TOKENS
from tests.adapters.tiny import (
    build_audioldm,
    build_audioldm2,
    build_fastspeech2,
    build_musicgen,
    build_stable_audio,
    build_t5_tokenizer,
    build_vits,
    rms,
)
from tests.signals import noise

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, tiny_pipeline):
    """Runs an example in an empty folder, with what its `from_pretrained` are to return, or the folder they load."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: tiny_pipeline)

    def run(name, *arguments, loaded=None):
        for cls, tiny in (loaded or {}).items():
            load = functools.partial(cls.from_pretrained, tiny) if isinstance(tiny, Path) else lambda tiny=tiny: tiny
            monkeypatch.setattr(cls, "from_pretrained", lambda name, load=load, **settings: load(**settings))
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name))
        return {path.relative_to(tmp_path).as_posix(): soundfile.read(path) for path in tmp_path.rglob("*.wav")}

    return run


def test_audioldm(run):
    files = run("audioldm.py", loaded={AudioLDMPipeline: build_audioldm()})
    assert sorted(files) == ["rain.wav", "rain_before.wav"]
    for audio, sampling_rate in files.values():
        assert sampling_rate == 48_000 and audio.shape == (240_000,) and rms(audio) > 0.01


def test_audioldm2(run, tmp_path_factory):
    # Saved as the published checkpoints are: by a GPT2Model, which they name.
    checkpoint = tmp_path_factory.mktemp("checkpoint")
    generator = build_audioldm2()
    generator.save_pretrained(checkpoint)
    generator.language_model.transformer.save_pretrained(checkpoint / "language_model")
    index = checkpoint / "model_index.json"
    index.write_text(index.read_text().replace("GPT2LMHeadModel", "GPT2Model"))
    files = run("audioldm2.py", loaded={AudioLDM2Pipeline: checkpoint})
    assert sorted(files) == ["bark.wav", "bark_before.wav"]
    for audio, sampling_rate in files.values():
        assert sampling_rate == 48_000 and audio.shape == (120_000,) and rms(audio) > 0.01


def test_stable_audio(run):
    files = run("stable_audio.py", loaded={StableAudioPipeline: build_stable_audio()})
    assert sorted(files) == ["waves.wav", "waves_before.wav"]
    # The longest that the tiny model makes: 256 latents of 64 samples at 44.1 kHz.
    assert all(rate == 48_000 and audio.shape == (17_833, 2) and rms(audio) > 0.01 for audio, rate in files.values())
    # Its full band is not left alone.
    assert (files["waves.wav"][0] != files["waves_before.wav"][0]).any()


def test_musicgen(run):
    tiny = {AutoProcessor: build_t5_tokenizer(), MusicgenForConditionalGeneration: build_musicgen()}
    files = run("musicgen.py", loaded=tiny)
    assert sorted(files) == ["piece_0.wav", "piece_1.wav"]
    assert all(sampling_rate == 48_000 and rms(audio) > 0.005 for audio, sampling_rate in files.values())


def test_fastspeech2(run):
    # The real one needs g2p-en, which would download a dictionary.
    tiny = {
        FastSpeech2ConformerTokenizer: lambda texts, padding, return_tensors: TOKENS,
        FastSpeech2ConformerWithHifiGan: build_fastspeech2(),
    }
    files = run("fastspeech2.py", loaded=tiny)
    assert [len(files[f"sentence_{index}.wav"][0]) for index in (0, 1)] == [8_777, 3_622]
    assert all(sampling_rate == 48_000 and rms(audio) > 0.01 for audio, sampling_rate in files.values())


def test_text_to_audio(run, monkeypatch, tmp_path):
    vocabulary = {token: index for index, token in enumerate(["<pad>", "<unk>", " ", *string.ascii_lowercase])}
    (tmp_path / "vocabulary.json").write_text(json.dumps(vocabulary))
    VitsTokenizer(tmp_path / "vocabulary.json", phonemize=False).save_pretrained(tmp_path / "mms")
    build_vits().save_pretrained(tmp_path / "mms")
    pipeline = transformers.pipeline
    monkeypatch.setattr(transformers, "pipeline", lambda task, model: pipeline(task, model=str(tmp_path / "mms")))
    files = run("text_to_audio.py")
    assert sorted(files) == ["sentence_0.wav", "sentence_1.wav"]
    assert all(rate == 48_000 and audio.ndim == 1 and rms(audio) > 0.01 for audio, rate in files.values())


def test_any_function(run):
    files = run("any_function.py")
    audio, rates = zip(*(files[f"sentence_{index}.wav"] for index in (0, 1)), strict=True)
    assert rates == (48_000, 48_000) and [len(sentence) for sentence in audio] == [179_200, 151_195]
    # The speech at its own level, a 16-bit sample being 1/32768; the new band of random networks adds a little.
    speech, _ = soundfile.read(EXAMPLES / "speech_22khz.wav")
    assert rms(np.concatenate(audio)) == pytest.approx(rms(speech), rel=0.1)


def test_a_folder(run, tmp_path):
    (tmp_path / "in/deeper").mkdir(parents=True)
    soundfile.write(tmp_path / "in/mono.flac", noise(0.2, 16_000)[0], 16_000)
    soundfile.write(tmp_path / "in/deeper/stereo.flac", noise(0.4, 22_050).reshape(-1, 2), 22_050)
    files = run("enhance_folder.py", "in", "out")
    assert {name: (audio.shape, rate) for name, (audio, rate) in files.items()} == {
        "out/mono.wav": ((9_600,), 48_000),
        "out/deeper/stereo.wav": ((9_600, 2), 48_000),
    }
