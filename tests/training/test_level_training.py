"""`train level`: a predictor fitted to recordings, and put into a pipeline."""

import pytest
import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.cli import main
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.level_predictor import SHARE, LevelPredictor
from tests.signals import noise

# Known bands of 32, which end at 4.6 kHz.
NUM_LOW = 168


def fit(data, output, *flags) -> int:
    few = ("--num-crops", "40", "--crop-s", "0.64")
    return main(["train", "level", "--data", str(data), "--output", str(output), *few, *flags])


def test_the_spectra_of_the_recordings_are_learnt(tmp_path):
    """Noises of one tilt: what is to be expected above is known, whatever their level."""
    (tmp_path / "data").mkdir()
    for index in range(12):
        write_audio(tmp_path / "data" / f"{index}.wav", noise(1.0, 48_000, index, tilt_db=-6), 48_000)
    assert fit(tmp_path / "data", tmp_path / "level") == 0
    model = LevelPredictor.from_pretrained(tmp_path / "level")
    mel = MelFeatureExtractor()(torch.from_numpy(noise(1.0, 48_000, 99, tilt_db=-6)))
    mel[..., NUM_LOW:] += 0.7
    change = model(mel, NUM_LOW)[..., NUM_LOW:]
    # A tenth of a neper is 0.9 dB.
    assert (change + 0.7 * SHARE).abs().mean() < 0.1


def test_the_same_seed_gives_the_same_weights_and_another_others(manifest, tmp_path):
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        assert fit(manifest, tmp_path / name, "--seed", str(seed)) == 0
    first, again, other = (
        LevelPredictor.from_pretrained(tmp_path / name).weight for name in ("first", "again", "other")
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_it_is_assembled_into_a_pipeline(manifest, tiny_pipeline, tmp_path):
    assert fit(manifest, tmp_path / "level") == 0
    flags = []
    for flag, name in (("--vae", "vae"), ("--ldm", "unet"), ("--vocoder", "vocoder")):
        getattr(tiny_pipeline, name).save_pretrained(tmp_path / name)
        flags += [flag, str(tmp_path / name)]
    level = ["--level", str(tmp_path / "level")]
    assert main(["train", "assemble", *flags, *level, "--output", str(tmp_path / "model")]) == 0
    pipe = AudioSRPipeline.from_pretrained(tmp_path / "model")
    # Stored in half precision.
    fitted = LevelPredictor.from_pretrained(tmp_path / "level").half().float()
    assert torch.equal(pipe.level_predictor.weight, fitted.weight)
    assert torch.equal(pipe.level_predictor.centres, fitted.centres)


@pytest.mark.parametrize("flags", [("--num-crops", "0"), ("--ridge", "0"), ("--crop-s", "-1")])
def test_what_can_not_be_is_refused_in_a_line(manifest, tmp_path, capsys, flags):
    assert main(["train", "level", "--data", str(manifest), "--output", str(tmp_path / "level"), *flags]) == 2
    assert f"{flags[0].strip('-').replace('-', '_')}={flags[1]}" in capsys.readouterr().err.replace(".0;", ";")
    assert not (tmp_path / "level").exists()
