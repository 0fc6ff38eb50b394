"""The training loop: its curve, its checkpoints, and how it goes on after a stop."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.training.__main__ import main
from audiosr_pipeline.training.dataset import read_manifest
from audiosr_pipeline.training.loop import TrainingSettings, learning_rate_at, train


class Scripted:
    """A run whose losses are given: `training[step]` and `validation[step]`, both zero where nothing is said.

    Its model is one number, drawn to 3 whatever the crops.
    """

    def __init__(self, manifest: Path, output: Path, **settings):
        self.settings = TrainingSettings(
            manifest=(str(manifest),),
            output=str(output),
            **{"batch_size": 2, "crop_s": 0.02, "warmup_steps": 2, **settings},
        )
        self.recordings = read_manifest([manifest])
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.training: dict[int, float] = {}
        self.validation: dict[int, float] = {}
        self.steps: list[int] = []
        self.exported: list[float] = []

    def loss_of(self, batch: dict[str, Tensor], generator: torch.Generator) -> Tensor:
        assert batch["audio"].shape[-1] == 960
        distance = (self.model.weight - 3).square().sum()
        if torch.is_grad_enabled():
            self.steps.append(self.first + len(self.steps))
            wanted = self.training.get(self.steps[-1])
            if wanted is not None and wanted < 0:
                raise KeyboardInterrupt
            return distance if wanted is None else wanted + 0 * distance
        return distance.new_tensor(self.validation.get(self.steps[-1], float(distance)))

    def run(self) -> None:
        state = Path(self.settings.output) / "state.pt"
        self.first = 1 + (torch.load(state, weights_only=True)["step"] if state.exists() else 0)
        train(self.model, self.loss_of, self.recordings, self.settings, self.export)

    def export(self) -> None:
        self.exported.append(self.model.weight.item())

    @property
    def state(self) -> dict:
        return torch.load(Path(self.settings.output) / "state.pt", weights_only=True)

    @property
    def curve(self) -> list[dict]:
        return [json.loads(line) for line in (Path(self.settings.output) / "curve.jsonl").read_text().splitlines()]


@pytest.fixture
def run_of(manifest, tmp_path):
    """Makes runs; those with the same `name` share their folder."""
    return lambda name="run", **settings: Scripted(manifest, tmp_path / name, **settings)


def test_learning_rate_rises_straight_and_falls_as_a_cosine_to_two_percent():
    settings = TrainingSettings(output="", manifest=(), num_steps=1_100, warmup_steps=100, learning_rate=2.0)
    assert [learning_rate_at(step, settings) for step in (0, 49, 99)] == pytest.approx([0.02, 1.0, 2.0])
    assert learning_rate_at(100, settings) == pytest.approx(2.0)
    assert learning_rate_at(600, settings) == pytest.approx(2.0 * (0.02 + 0.98 / 2))
    assert learning_rate_at(1_100, settings) == learning_rate_at(2_000, settings) == pytest.approx(0.04)


def test_learning_rate_without_warm_up():
    settings = TrainingSettings(output="", manifest=(), num_steps=10, warmup_steps=0, learning_rate=1.0)
    assert learning_rate_at(0, settings) == 1.0


def test_it_learns_and_writes_down_how(run_of):
    run = run_of(num_steps=40, validation_every=10, learning_rate=0.1, ema_decay=0.5)
    run.run()
    assert 1 < run.model.weight.item() < 3
    assert [line["step"] for line in run.curve] == [10, 20, 30, 40]
    losses = [line["validation_loss"] for line in run.curve]
    assert losses == sorted(losses, reverse=True)
    assert run.state["step"] == 40 and run.state["best"] == min(losses)
    written = json.loads((Path(run.settings.output) / "settings.json").read_text())
    assert written["learning_rate"] == 0.1 and written["manifest"] == list(run.settings.manifest)


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(run_of):
    whole = run_of("whole", num_steps=12, validation_every=4, learning_rate=0.3)
    whole.run()
    stopped = run_of("stopped", num_steps=12, validation_every=4, learning_rate=0.3)
    stopped.training[7] = -1
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    # What came after the last validation is lost, no more.
    assert stopped.state["step"] == 4
    resumed = run_of("stopped", num_steps=12, validation_every=4, learning_rate=0.3)
    resumed.run()
    assert resumed.steps == list(range(5, 13))
    assert resumed.curve == whole.curve
    # Weights, momenta and moving average.
    assert torch.equal(resumed.model.weight, whole.model.weight)
    for state in (resumed.state, whole.state):
        state.pop("model")
    assert str(resumed.state) == str(whole.state)


def test_a_finished_run_does_nothing_more_until_it_is_given_more_steps(run_of):
    run_of(num_steps=5, validation_every=4).run()
    again = run_of(num_steps=5, validation_every=4)
    again.run()
    assert again.steps == [] and [line["step"] for line in again.curve] == [4, 5]
    more = run_of(num_steps=9, validation_every=4)
    more.run()
    assert more.steps == [6, 7, 8, 9] and [line["step"] for line in more.curve] == [4, 5, 8, 9]


def test_the_curve_holds_the_mean_training_loss_since_the_last_validation(run_of):
    run = run_of(num_steps=5, validation_every=4)
    run.training = {1: 1.0, 2: 2.0, 3: 3.0, 4: 6.0, 5: 10.0}
    run.run()
    more = run_of(num_steps=9, validation_every=4)
    more.training = {6: 1.0, 7: 2.0, 8: 6.0, 9: 7.0}
    more.run()
    assert [line["training_loss"] for line in more.curve] == pytest.approx([3.0, 10.0, 3.0, 7.0])


def test_only_a_better_model_is_exported_also_after_a_stop(run_of):
    run = run_of(num_steps=5, validation_every=1)
    run.validation = {1: 5.0, 2: 4.0, 3: 6.0, 4: 4.0, 5: 3.0}
    run.run()
    assert len(run.exported) == 3
    assert run.state["best"] == 3.0
    more = run_of(num_steps=7, validation_every=1)
    more.validation = {6: 3.5, 7: 2.0}
    more.run()
    assert len(more.exported) == 1 and more.state["best"] == 2.0


def test_the_moving_average_is_exported_and_the_model_trains_on(run_of):
    run = run_of(num_steps=20, validation_every=20, learning_rate=0.3)
    run.run()
    (exported,) = run.exported
    # The average lags behind.
    assert 0 < exported < run.model.weight.item()
    assert run.state["model"]["weight"].item() == run.model.weight.item()
    assert run.curve[0]["validation_loss"] == pytest.approx((exported - 3) ** 2, rel=1e-5)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(run_of, loss):
    run = run_of(num_steps=8, validation_every=2)
    run.training[6] = loss
    with pytest.raises(FloatingPointError, match=r"loss=(nan|inf) at step 5; .*state\.pt holds the last good state"):
        run.run()
    assert run.state["step"] == 4 and run.state["model"]["weight"].isfinite().all()
    assert len(run.exported) == 2


def test_weights_spoilt_in_the_step_before_a_validation_do_not_replace_the_good_state(run_of):
    run = run_of(num_steps=8, validation_every=2)
    run.validation[4] = float("nan")
    with pytest.raises(FloatingPointError, match=r"loss=nan at step 4"):
        run.run()
    assert run.state["step"] == 2 and len(run.exported) == 1
    assert [line["step"] for line in run.curve] == [2]


def test_gradients_are_clipped(run_of):
    run = run_of(num_steps=1, validation_every=1, learning_rate=1.0, warmup_steps=0, gradient_clip=1e-20)
    run.run()
    # So small a gradient is lost beside Adam's epsilon of 1e-8.
    assert abs(run.model.weight.item()) < 1e-6


def test_the_command_line_trains_the_vocoder(manifest, tmp_path, monkeypatch):
    flags = "--num-steps 4 --validation-every 2 --batch-size 2 --crop-s 0.2 --warmup-steps 1 --seed 1"
    arguments = ["vocoder", "--manifest", str(manifest), "--output", str(tmp_path), *flags.split()]
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    main()
    written = json.loads((tmp_path / "settings.json").read_text())
    assert (written["crop_s"], written["seed"], written["mel_weight"]) == (0.2, 1, 1.0)
    first, second = (
        json.loads(line)["validation_loss"] for line in (tmp_path / "curve.jsonl").read_text().splitlines()
    )
    assert second < first
    vocoder = ISTFTVocoder.from_pretrained(tmp_path / "best")
    assert vocoder(torch.full((1, 5, 256), -7.0)).isfinite().all()
