"""The examples run as they are, on tiny models in the place of those that they would download."""

import runpy
import sys
from pathlib import Path

import pytest
import soundfile
from diffusers import AudioLDMPipeline
from transformers import (
    AutoProcessor,
    FastSpeech2ConformerTokenizer,
    FastSpeech2ConformerWithHifiGan,
    MusicgenForConditionalGeneration,
)

from audiosr_pipeline import AudioSRPipeline
from tests.adapters.cases import TOKENS
from tests.adapters.tiny import build_audioldm, build_fastspeech2, build_musicgen, build_t5_tokenizer, rms
from tests.signals import noise

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, tiny_pipeline):
    """Runs an example in an empty folder, with what its `from_pretrained` are to return."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: tiny_pipeline)

    def run(name, *arguments, loaded=None):
        for cls, tiny in (loaded or {}).items():
            monkeypatch.setattr(cls, "from_pretrained", lambda name, tiny=tiny: tiny)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name))
        return {path.relative_to(tmp_path).as_posix(): soundfile.read(path) for path in tmp_path.rglob("*.wav")}

    return run


def test_audioldm(run):
    files = run("audioldm.py", loaded={AudioLDMPipeline: build_audioldm()})
    assert sorted(files) == ["rain.wav", "rain_before.wav"]
    for audio, sampling_rate in files.values():
        assert sampling_rate == 48_000 and audio.shape == (240_000,) and rms(audio) > 0.01


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


def test_a_folder(run, tmp_path):
    (tmp_path / "in/deeper").mkdir(parents=True)
    soundfile.write(tmp_path / "in/mono.flac", noise(0.2, 16_000)[0], 16_000)
    soundfile.write(tmp_path / "in/deeper/stereo.flac", noise(0.4, 22_050).reshape(-1, 2), 22_050)
    files = run("enhance_folder.py", "in", "out")
    assert {name: (audio.shape, rate) for name, (audio, rate) in files.items()} == {
        "out/mono.wav": ((9_600,), 48_000),
        "out/deeper/stereo.wav": ((9_600, 2), 48_000),
    }
