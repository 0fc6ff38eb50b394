"""The training of DAG: it learns, goes on with the same labels alone, and exports a pipeline."""

import json
from pathlib import Path

import pytest
import torch

from audiosr_pipeline import DAGPipeline
from audiosr_pipeline.training import dag as training
from audiosr_pipeline.training.dag import train_dag
from audiosr_pipeline.training.loop import learning_rate_at
from audiosr_pipeline.training.settings import DAGSettings
from tests.training.test_labelled import folder  # noqa: F401


@pytest.fixture
def settings_of(folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(training, "DAG_NETWORKS", {("mini", 16_000): ((4, 8), (4, 4), 1, 8)})
    usual = {"data": (str(folder),), "output": str(tmp_path / "run"), "batch_size": 4, "crop_s": 0.05}
    usual |= {"num_steps": 20, "validation_every": 10, "num_workers": 0, "warmup_steps": 0, "ema_decay": 0.1}
    return lambda **changes: DAGSettings(**{**usual, "learning_rate": 1e-2, **changes})


def test_it_learns_and_exports_a_pipeline(settings_of):
    settings = settings_of()
    train_dag(settings)
    output = Path(settings.output)
    losses = [json.loads(line)["validation_loss"] for line in (output / "curve.jsonl").read_text().splitlines()]
    # 0.5 is that of a network that knows nothing.
    assert losses[1] < losses[0] < 0.5
    pipe = DAGPipeline.from_pretrained(output / "best")
    assert pipe.labels == ["rain", "sea"]
    pipe.set_progress_bar_config(disable=True)
    assert pipe("sea", num_inference_steps=2, audio_length_in_s=0.01).audios.shape == (1, 160)


def test_a_stopped_run_goes_on_to_the_same_weights(settings_of, tmp_path):
    train_dag(settings_of(output=str(tmp_path / "whole")))
    # The rate stays, so it doesn't matter when a run is to end.
    train_dag(settings_of(output=str(tmp_path / "parts"), num_steps=10, schedule="constant"))
    train_dag(settings_of(output=str(tmp_path / "parts"), schedule="constant"))
    train_dag(settings_of(output=str(tmp_path / "constant"), schedule="constant"))
    whole, parts, constant = (
        torch.load(tmp_path / name / "state.pt", weights_only=True)["model"]["conv_out.weight"]
        for name in ("whole", "parts", "constant")
    )
    assert torch.equal(parts, constant)
    assert not torch.equal(whole, constant)


def test_a_run_goes_on_with_its_own_labels_alone(settings_of):
    train_dag(settings_of(num_steps=2))
    with pytest.raises(ValueError, match="begun with other settings: labels"):
        train_dag(settings_of(num_steps=4, labels=("sea",)))


def test_it_starts_from_a_model_of_the_same_labels_alone(settings_of, tmp_path):
    train_dag(settings_of(num_steps=2))
    best = str(tmp_path / "run" / "best")
    with pytest.raises(ValueError, match="has the labels rain, sea at 16000 Hz, and the run sea at 16000 Hz"):
        train_dag(settings_of(initial=best, output=str(tmp_path / "other"), labels=("sea",)))
    train_dag(settings_of(initial=best, output=str(tmp_path / "further"), num_steps=2))


def test_the_published_learning_rate_stays():
    settings = DAGSettings(data=("x",), **DAGSettings.presets["paper"])
    assert learning_rate_at(0, settings, "constant") == learning_rate_at(10**6, settings, "constant") == 1e-4


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"size": "paper"}, "size=paper at sampling_rate=16000; accepted are mini at 16000"),
        ({"sampling_rate": 44_100}, "sampling_rate=44100"),
        ({"schedule": "linear"}, "schedule=linear; accepted are cosine, constant"),
        ({"label_dropout": 1.5}, "label_dropout=1.5"),
        ({"labels": ("rain", "rain")}, "each is to be given once"),
    ],
)
def test_what_cannot_be_is_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        DAGSettings(data=("x",), **changes)
