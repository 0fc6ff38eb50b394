"""The training loop: its curve, its checkpoints, and how it goes on after a stop."""

import json
import math
import multiprocessing
import re
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import debug_launcher
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from audiosr_pipeline.cli import main
from audiosr_pipeline.training import saving
from audiosr_pipeline.training.dataset import Recording, find_recordings, training_crops
from audiosr_pipeline.training.discriminators import Adversary, SpectrogramDiscriminator
from audiosr_pipeline.training.loop import launch, learning_rate_at, train
from audiosr_pipeline.training.saving import load_state
from audiosr_pipeline.training.settings import MAY_CHANGE, CropSettings


class Scripted:
    """A run whose losses are given: `training[step]` and `validation[step]`, both zero where nothing is said.

    Its model is one number, drawn to 3 whatever the crops.
    """

    def __init__(self, manifest: Path, output: Path, **settings):
        self.settings = CropSettings(
            data=(str(manifest),),
            output=str(output),
            **{"batch_size": 2, "crop_s": 0.02, "warmup_steps": 2, "num_workers": 0, **settings},
        )
        self.recordings, self.held_out = find_recordings([manifest])
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.trained: nn.Module = self.model
        self.norm_inputs: list[Tensor] = []
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
        state = load_state(Path(self.settings.output), torch.device("cpu"))
        self.first = 1 + (state["step"] if state else 0)
        train(
            launch(self.settings),
            self.trained,
            self.loss_of,
            training_crops(self.settings, self.recordings),
            self.held_out,
            self.settings,
            self.export,
            norm_inputs=self.norm_inputs,
        )

    def export(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "weight").write_text(str(self.model.weight.item()))
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
    settings = CropSettings(output="", data=(), num_steps=1_100, warmup_steps=100, learning_rate=2.0)
    assert [learning_rate_at(step, settings) for step in (0, 49, 99)] == pytest.approx([0.02, 1.0, 2.0])
    assert learning_rate_at(100, settings) == pytest.approx(2.0)
    assert learning_rate_at(600, settings) == pytest.approx(2.0 * (0.02 + 0.98 / 2))
    assert learning_rate_at(1_100, settings) == learning_rate_at(2_000, settings) == pytest.approx(0.04)


def test_learning_rate_without_warm_up():
    settings = CropSettings(output="", data=(), num_steps=10, warmup_steps=0, learning_rate=1.0)
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
    assert written["learning_rate"] == 0.1 and written["data"] == list(run.settings.data)


def test_batch_norms_have_the_statistics_of_the_averaged_weights(run_of):
    run = run_of(num_steps=4, validation_every=4, learning_rate=0.3)
    norm = nn.BatchNorm1d(1)
    run.trained = nn.Sequential(run.model, norm)
    run.norm_inputs = [torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [6.0]])]
    run.run()
    (averaged,) = run.exported
    assert averaged != run.model.weight.item()
    assert norm.running_mean.item() == pytest.approx(3 * averaged)
    # The mean of the variances of both batches, 0.5 and 4.5.
    assert norm.running_var.item() == pytest.approx(2.5 * averaged**2)


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


def test_a_run_is_not_told_to_end_before_it_is_where_it_is(run_of):
    run = run_of(num_steps=4, validation_every=2)
    run.run()
    file = Path(run.settings.output) / "settings.json"
    written = file.read_text()
    with pytest.raises(ValueError, match=r"num_steps=3, but the run in .* has made 4 steps"):
        run_of(num_steps=3, validation_every=2).run()
    assert file.read_text() == written


@pytest.mark.parametrize("num_steps", [6, 12])
def test_another_end_of_a_run_is_said(run_of, caplog, num_steps):
    """With it the learning rate falls faster or slower."""
    run = run_of(num_steps=9, validation_every=4)
    run.training[7] = -1
    with pytest.raises(KeyboardInterrupt):
        run.run()
    run_of(num_steps=num_steps, validation_every=4).run()
    assert f"num_steps={num_steps} (was 9)" in caplog.text


def test_a_best_model_that_is_gone_is_not_gone_unsaid(run_of, caplog):
    run = run_of(num_steps=2, validation_every=1)
    run.run()
    shutil.rmtree(Path(run.settings.output) / "best")
    with pytest.raises(ValueError, match="is finished, but its best/ is gone"):
        run_of(num_steps=2, validation_every=1).run()
    more = run_of(num_steps=3, validation_every=1)
    more.validation = {3: 100.0}
    more.run()
    assert len(more.exported) == 1 and "best is gone" in caplog.text


def test_with_other_validation_recordings_the_best_counts_anew(run_of, caplog):
    run_of(num_steps=2, validation_every=1).run()
    more = run_of(num_steps=4, validation_every=1)
    more.held_out = more.recordings
    more.validation = {3: 100.0, 4: 101.0}
    more.run()
    assert len(more.exported) == 1 and more.state["best"] == 100.0
    assert "validation recordings are others" in caplog.text


def test_other_training_recordings_are_said_and_the_same_are_not(run_of, caplog):
    run_of(num_steps=1, validation_every=1).run()
    run_of(num_steps=2, validation_every=1).run()
    assert "training recordings" not in caplog.text
    more = run_of(num_steps=3, validation_every=1)
    more.recordings = more.recordings + more.held_out
    more.run()
    assert "the training recordings are others than before: crops are drawn from these from step 2 on" in caplog.text


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


def test_a_preview_and_the_curves_go_to_tensorboard(run_of):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the [train] extra isn't installed"
    )
    run = run_of(num_steps=4, validation_every=2)
    run.first = 1
    train(
        launch(run.settings),
        run.model,
        run.loss_of,
        training_crops(run.settings, run.recordings),
        run.held_out,
        run.settings,
        run.export,
        preview=lambda batch: {"mel": torch.rand(5, 256), "sound": batch["audio"][0]},
    )
    folder = Path(run.settings.output) / "tensorboard"
    events = event_accumulator.EventAccumulator(str(folder)).Reload()
    assert [image.step for image in events.Images("mel")] == [2, 4]
    assert events.Images("mel")[0].width == 5 and events.Images("mel")[0].height == 256
    assert [audio.sample_rate for audio in events.Audio("sound")] == [48_000, 48_000]
    losses = [scalar.value for scalar in events.Scalars("loss/validation")]
    assert losses == pytest.approx([line["validation_loss"] for line in run.curve])


def test_without_tensorboard_the_run_says_how_to_get_it(run_of, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run = run_of(num_steps=1)
    run.run()
    assert "pip install '.[train]'" in caplog.text
    assert len(run.curve) == 1


def test_other_settings_do_not_go_on_with_a_run_and_are_named(run_of):
    run_of(num_steps=2).run()
    with pytest.raises(ValueError, match=r"learning_rate=0\.5 \(was 0\.001\), seed=3 \(was 0\)\. .*num_steps") as error:
        run_of(num_steps=3, learning_rate=0.5, seed=3).run()
    assert "batch_size=" not in str(error.value)
    again = run_of(num_steps=2)
    again.run()
    assert again.state["step"] == 2


def test_what_may_change_are_settings():
    assert set(CropSettings.__dataclass_fields__) >= MAY_CHANGE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixed_precision": "fp8"}, 'mixed_precision="fp8"; accepted are no, bf16, fp16'),
        ({"batch_size": 0}, "batch_size=0; accepted are whole numbers from 1 on"),
        ({"validation_every": 0}, "validation_every=0"),
        ({"crop_s": 0.0}, "crop_s=0.0"),
        ({"crop_s": 1e-6}, "crop_s=1e-06"),
        ({"crop_s": math.inf}, "crop_s=inf"),
        ({"music": -0.1}, "music=-0.1; accepted are numbers from 0 on"),
        ({"speech": math.nan}, "speech=nan"),
        ({"learning_rate": math.inf}, "learning_rate=inf"),
        ({"gradient_clip": -1.0}, "gradient_clip=-1.0; accepted are numbers above 0"),
        ({"gradient_clip": math.nan}, "gradient_clip=nan"),
        ({"warmup_steps": -1}, "warmup_steps=-1; accepted are whole numbers from 0 on"),
        ({"num_workers": -1}, "num_workers=-1; accepted are whole numbers from 0 on"),
        ({"ema_decay": 1.0}, "ema_decay=1.0; accepted are numbers from 0 on, below 1"),
        ({"ema_decay": math.nan}, "ema_decay=nan"),
        ({"data": ("x", "")}, "a name in data is empty"),
        ({"seed": -1}, "seed=-1; accepted are whole numbers from 0"),
        ({"seed": 2**63}, "seed=9223372036854775808"),
        ({"licences": "(cc0"}, 'licences="\\(cc0"; accepted is a regular expression: missing \\)'),
    ],
)
def test_settings_that_can_not_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CropSettings(**{"data": ("x",), "output": "", **changes})


def test_crops_that_can_not_be_shared_evenly_are_refused(run_of):
    with pytest.raises(
        ValueError, match="batch_size=2 can't be shared evenly by 1 processes with accumulation_steps=3"
    ):
        run_of(accumulation_steps=3).run()


@pytest.mark.skipif(torch.cuda.is_available(), reason="GPUs have fp16")
def test_a_precision_that_the_hardware_lacks_is_refused(run_of):
    with pytest.raises(ValueError, match='mixed_precision="fp16" needs a GPU; accepted on a CPU are no, bf16'):
        run_of(num_steps=1, mixed_precision="fp16").run()


def test_a_file_that_breaks_is_passed_over_named_and_counted(run_of, caplog):
    run = run_of(num_steps=40)
    broken = Recording(Path(run.settings.output) / "gone.wav", "effects", 3.0)
    run.recordings.append(broken)
    run.run()
    assert run.state["step"] == 40
    assert caplog.text.count("gone.wav") == 1
    assert re.search(r"[1-9]\d* draws skipped", caplog.text)


def test_a_full_disk_keeps_the_last_good_state_and_export(run_of):
    run_of(num_steps=2, validation_every=2).run()
    first = run_of(num_steps=2).state
    more = run_of(num_steps=4, validation_every=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, hard))
    try:
        with pytest.raises(OSError, match=r"state\.pt can't be written.*What was there before is kept"):
            more.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(more.state) == str(first) and more.state["step"] == 2
    folder = Path(more.settings.output)
    assert not [path for path in folder.iterdir() if ".part" in path.name]
    assert (folder / "best/weight").exists()


def test_what_a_killed_run_left_half_written_is_cleared_away(run_of):
    run = run_of(num_steps=2)
    output = Path(run.settings.output)
    (output / ".best.part").mkdir(parents=True)
    for name in (".best.part/old", ".state.pt.part"):
        (output / name).touch()
    run.run()
    assert {path.name for path in output.iterdir()} - {"tensorboard"} == {
        "best",
        "curve.jsonl",
        "settings.json",
        "state.pt",
    }
    assert [path.name for path in (output / "best").iterdir()] == ["weight"]


def test_an_export_that_a_killed_run_was_about_to_replace_is_put_back(run_of):
    run = run_of(num_steps=2)
    run.run()
    output = Path(run.settings.output)
    (output / "best").rename(output / ".best.former")
    run_of(num_steps=2).run()
    assert (output / "best/weight").exists() and not (output / ".best.former").exists()


@pytest.mark.parametrize("name", ["state.pt", "settings.json"])
@pytest.mark.parametrize("content", [None, b"", b'{"seed'])
def test_a_run_with_a_damaged_file_ends_as_if_it_were_whole_and_says_so(run_of, caplog, name, content):
    whole = run_of("whole", num_steps=8, validation_every=2, learning_rate=0.3)
    whole.run()
    run_of("damaged", num_steps=6, validation_every=2, learning_rate=0.3).run()
    damaged = run_of("damaged", num_steps=8, validation_every=2, learning_rate=0.3)
    file = Path(damaged.settings.output) / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    damaged.run()
    assert f"{name} is {'missing' if content is None else 'damaged'}" in caplog.text
    # With `num_steps` of 6 the learning rate fell faster; what both have in common is the length.
    assert [line["step"] for line in damaged.curve] == [line["step"] for line in whole.curve] == [2, 4, 6, 8]
    assert damaged.state["step"] == 8 and torch.load(file.parent / "state.previous.pt", weights_only=True)["step"] == 6
    assert json.loads((file.parent / "settings.json").read_text())["num_steps"] == 8


def test_the_settings_in_the_state_count(run_of):
    run_of(num_steps=2, seed=1).run()
    (Path(run_of().settings.output) / "settings.json").unlink()
    with pytest.raises(ValueError, match=r"other settings: seed=0 \(was 1\)\."):
        run_of(num_steps=2, seed=0).run()


def test_a_state_of_another_model_is_named_as_such(run_of):
    run_of(num_steps=2).run()
    other = run_of(num_steps=4)
    other.model = other.trained = nn.Linear(2, 1)
    with pytest.raises(ValueError, match="its state is of another model"):
        other.run()


def test_an_export_that_fails_keeps_the_last_one(run_of, monkeypatch):
    run = run_of(num_steps=4, validation_every=2)
    export = run.export

    def fail_later(folder: Path) -> None:
        export(folder)
        if len(run.exported) == 2:
            raise RuntimeError("no space left")

    monkeypatch.setattr(run, "export", fail_later)
    with pytest.raises(OSError, match=r"best can't be written: no space left"):
        run.run()
    assert (Path(run.settings.output) / "best/weight").read_text() == str(run.exported[0])
    assert run.state["step"] == 2


def test_against_an_adversary_the_latest_is_exported(run_of):
    run = run_of(num_steps=3, validation_every=1)
    run.validation, run.first = {1: 5.0, 2: 6.0, 3: 7.0}, 1
    adversary = Adversary([SpectrogramDiscriminator(512, 128, channels=1)], 1e-3)
    crops = training_crops(run.settings, run.recordings)
    train(launch(run.settings), run.model, run.loss_of, crops, run.held_out, run.settings, run.export, adversary)
    assert len(run.exported) == 3 and run.state["best"] == 5.0
    assert "discriminators" in run.state["adversary"]


class Crops:
    """A run that predicts the first samples of a crop from its low-passed version, and draws noise as a loss does."""

    def __init__(self, manifest: Path, output: Path, **settings):
        usual = {"batch_size": 4, "crop_s": 0.02, "warmup_steps": 2, "num_steps": 12, "validation_every": 4}
        usual |= {"learning_rate": 0.05, "num_workers": 2}
        self.settings = CropSettings(data=(str(manifest),), output=str(output), **{**usual, **settings})

    def run(self) -> nn.Module:
        accelerator = launch(self.settings)
        model = nn.Linear(960, 4)

        def loss_of(batch: dict[str, Tensor], generator: torch.Generator) -> Tensor:
            noise = torch.randn(4, generator=generator)
            return (model(batch["lowpassed"]) - batch["audio"][:, :4] + 0.1 * noise).square().mean()

        recordings, held_out = find_recordings(self.settings.data)
        crops = training_crops(self.settings, recordings)
        train(accelerator, model, loss_of, crops, held_out, self.settings, lambda folder: folder.mkdir())
        return model


def test_the_crops_of_a_step_may_be_taken_in_parts(manifest, tmp_path):
    whole = Crops(manifest, tmp_path / "whole").run()
    in_parts = Crops(manifest, tmp_path / "in-parts", accumulation_steps=2, num_workers=0).run()
    for one, other in zip(whole.parameters(), in_parts.parameters(), strict=True):
        # Float32 sums in another order, which Adam's division by small gradients makes larger.
        assert torch.allclose(one, other, atol=1e-4)


# Of the trainers that know discriminators, flags that make them small and switch these on.
AGAINST_DISCRIMINATORS = {
    "vae": "--crop-s 0.32 --adversarial-weight 0.5 --discriminator-channels 2",
    "vocoder": "--crop-s 0.16 --adversarial-weight 1 --adversarial-s 0.1 --official-width 32 "
    "--discriminator-channels 1 --period-channels 1",
}
SHORT = "--warmup-steps 2 --num-steps 4 --validation-every 2 --batch-size 4 --learning-rate 1e-3 --seed 7"


def arguments(part: str, manifest: Path, output: Path, flags: str) -> list[str]:
    words = f"train {part} {SHORT} {AGAINST_DISCRIMINATORS[part]} {flags}".split()
    return [*words, "--data", str(manifest), "--output", str(output)]


def is_same(one: Any, other: Any) -> bool:
    """Whether two states are equal bit for bit."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other


@pytest.mark.parametrize("part", AGAINST_DISCRIMINATORS)
def test_a_run_killed_in_the_middle_of_a_step_ends_with_the_same_weights(part, manifest, tmp_path):
    """With worker processes, moving average, accumulation and discriminators."""
    flags = "--num-workers 2 --accumulation-steps 2"
    assert main(arguments(part, manifest, tmp_path / "whole", flags)) == 0
    state = tmp_path / "killed/state.pt"
    words = arguments(part, manifest, tmp_path / "killed", flags)
    killed = multiprocessing.get_context("fork").Process(target=main, args=(words,))
    killed.start()
    while not state.exists() and killed.is_alive():
        time.sleep(0.001)
    killed.kill()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert torch.load(state, weights_only=True)["step"] < 4
    assert main(words) == 0
    whole, resumed = (torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "killed"))
    assert whole["step"] == 4 and set(whole) >= {"model", "ema", "optimizer", "adversary", "curve"}
    assert is_same(whole, resumed)
    names = sorted(path.name for path in (tmp_path / "whole/best").iterdir())
    assert "config.json" in names and len(names) == 2
    for name in names:
        assert (tmp_path / "whole/best" / name).read_bytes() == (tmp_path / "killed/best" / name).read_bytes()


def mean_gradients(state: dict) -> Tensor:
    """Adam's running mean of the gradients, linear in them unlike the weights."""
    return torch.cat([moments["exp_avg"].flatten() for moments in state["state"].values()])


def train_or_fail(words: list[str]) -> None:
    # Accelerate would keep what it found in the process that this one was forked from: that it is alone.
    AcceleratorState._reset_state(reset_partial_state=True)
    assert main(words) == 0
    assert AcceleratorState().num_processes == 2


@pytest.mark.parametrize("part", AGAINST_DISCRIMINATORS)
def test_parts_of_steps_and_two_processes_give_the_curve_of_one(part, manifest, tmp_path):
    # Some gradients, such as that of a discriminator's last bias, are rounding alone, and Adam makes whole steps of
    # them: the lower the rate, the less of it there is in the curve.
    slow, in_parts = "--learning-rate 1e-6", "--learning-rate 1e-6 --accumulation-steps 2"
    assert main(arguments(part, manifest, tmp_path / "whole", slow)) == 0
    assert main(arguments(part, manifest, tmp_path / "in-parts", in_parts)) == 0
    debug_launcher(train_or_fail, (arguments(part, manifest, tmp_path / "two", in_parts),), num_processes=2)
    whole, *others = (
        torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "in-parts", "two")
    )
    assert [line["step"] for line in whole["curve"]] == [2, 4]
    for other in others:
        for expected, found in zip(whole["curve"], other["curve"], strict=True):
            # Float32 sums in another order, and what Adam makes of them.
            assert found == pytest.approx(expected, rel=1e-3)
        for optimizer in ("optimizer", "adversary"):
            expected, found = (
                mean_gradients(state[optimizer].get("optimizer", state[optimizer])) for state in (whole, other)
            )
            # Those of a single part, or their sum, are further away than any rounding.
            assert (found - expected).norm() < 0.05 * expected.norm()


def test_two_runs_in_one_folder_do_not_mix(run_of, monkeypatch):
    monkeypatch.setattr(saving, "LONGEST_WAIT_S", 0.0)
    run = run_of(num_steps=4, validation_every=2)
    output = Path(run.settings.output)
    with saving.alone_in(output):
        with pytest.raises(
            ValueError, match="another training run is writing in .*: wait for its end, or name another"
        ):
            run.run()
        assert list(output.iterdir()) == []
    run.run()
    assert (output / "state.pt").exists()
