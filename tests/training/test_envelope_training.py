"""`train envelope`: what counts, that it learns, and that it is put into a pipeline."""

import json

import pytest
import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.cli import main
from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.training.envelope import envelope_loss, known_bins
from tests.signals import noise

FEW = ("--crop-s", "0.32", "--batch-size", "2", "--num-workers", "0", "--warmup-steps", "0", "--hidden-size", "16")


def run(data, output, *flags) -> int:
    return main(["train", "envelope", "--data", str(data), "--output", str(output), *FEW, *flags])


def test_it_learns_what_the_recordings_have_above(tmp_path):
    """Noises of one tilt: what is to be expected above is known."""
    (tmp_path / "data").mkdir()
    for index in range(4):
        write_audio(tmp_path / "data" / f"{index}.wav", noise(0.6, 48_000, index, tilt_db=-6), 48_000)
    few = ("--num-steps", "60", "--validation-every", "20", "--ema-decay", "0.5", "--learning-rate", "5e-3")
    assert run(tmp_path / "data", tmp_path / "run", *few) == 0
    losses = [json.loads(line)["validation_loss"] for line in (tmp_path / "run/curve.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] / 1.5
    model = EnvelopePredictor.from_pretrained(tmp_path / "run/best").eval()
    assert model.config.hidden_size == 16


def test_what_does_not_count_changes_no_loss():
    mel, expected = torch.randn(2, 1, 64, 256), torch.randn(2, 1, 64, 256, requires_grad=True)
    num_low, ends = torch.tensor([100, 128]), torch.tensor([256, 200])
    loss = envelope_loss(expected, mel, num_low, ends)
    loss.backward()
    assert expected.grad is not None
    assert not expected.grad[0, ..., :100].any() and expected.grad[0, ..., 100:].all()
    assert not expected.grad[1, ..., :128].any() and not expected.grad[1, ..., 200:].any()
    # The truth has none; nor has what has no bin that counts.
    assert envelope_loss(mel, mel, num_low, ends) == 0
    assert envelope_loss(expected, mel, torch.tensor([256, 256]), ends) == 0


def test_a_constant_error_counts_once_for_each_scale():
    mel = torch.zeros(1, 1, 64, 256)
    # Beyond half a neper an error counts by its size, less half of that.
    loss = envelope_loss(mel + 2.0, mel, torch.tensor([128]), torch.tensor([256]))
    assert float(loss) == pytest.approx(3 * (2.0 - 0.25))


def test_the_known_bins_end_at_the_cutoff():
    feature_extractor = MelFeatureExtractor()
    edges = feature_extractor.mel_edges
    low = known_bins(torch.tensor([4_000.0, 16_000.0]), feature_extractor)
    for cutoff, number in zip((4_000, 16_000), low.tolist(), strict=True):
        assert edges[number - 1] <= cutoff < edges[number]


def test_it_is_assembled_into_a_pipeline(manifest, tiny_pipeline, tmp_path):
    assert run(manifest, tmp_path / "run", "--num-steps", "1") == 0
    flags = ["--envelope", str(tmp_path / "run/best")]
    for flag, name in (("--vae", "vae"), ("--ldm", "unet"), ("--vocoder", "vocoder")):
        getattr(tiny_pipeline, name).save_pretrained(tmp_path / name)
        flags += [flag, str(tmp_path / name)]
    assert main(["train", "assemble", *flags, "--output", str(tmp_path / "model")]) == 0
    pipe = AudioSRPipeline.from_pretrained(tmp_path / "model")
    # Stored in half precision.
    trained = EnvelopePredictor.from_pretrained(tmp_path / "run/best").half().float()
    assert torch.equal(pipe.envelope_predictor.head.weight, trained.head.weight)


def test_what_can_not_be_is_refused_in_a_line(manifest, tmp_path, capsys):
    assert run(manifest, tmp_path / "run", "--official-width", "128") == 2
    assert "official_width=128; this network was published by none" in capsys.readouterr().err
