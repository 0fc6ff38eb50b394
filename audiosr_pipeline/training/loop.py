"""The training loop that the trainers share: steps, moving average, validation, checkpoints."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from audiosr_pipeline.training.dataset import CropDataset, Recording, draw_validation_crops
from audiosr_pipeline.training.discriminators import Adversary

Batch = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What every trainer needs; a trainer's own settings come on top."""

    output: str
    manifest: tuple[str, ...]
    num_steps: int = 10_000
    batch_size: int = 8
    crop_s: float = 2.56
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    ema_decay: float = 0.998
    gradient_clip: float = 1.0
    speech: float = 0.25
    music: float = 0.3
    effects: float = 0.45
    validation_every: int = 250
    num_threads: int = 1
    seed: int = 0


def learning_rate_at(step: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then a cosine down to 2 % of the settings' learning rate."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    progress = (step - settings.warmup_steps) / max(1, settings.num_steps - settings.warmup_steps)
    return settings.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def train(
    model: nn.Module,
    loss_of: Callable[[Batch, torch.Generator], Tensor],
    recordings: tuple[list[Recording], list[Recording]],
    settings: TrainingSettings,
    export: Callable[[], None],
    adversary: Adversary | None = None,
) -> None:
    """Trains `model` and exports the moving average of its weights whenever the validation loss is the best so far.

    Against an adversary the latest are exported: what it teaches raises the losses that validation can measure.

    The state goes to `<output>/state.pt` at each validation; a run that finds one there goes on from it. The curve
    goes to `<output>/curve.jsonl`, the settings to `<output>/settings.json`.

    Args:
        model: What is trained, in place.
        loss_of: Loss of a batch of crops; the generator draws what is random in it.
        recordings: Training and validation recordings.
        settings: How to train.
        export: Writes the model; called with the moving average in `model`.
        adversary: What `loss_of` trains beside the model, to be saved with it.
    """
    torch.set_num_threads(settings.num_threads)
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    (output / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    ema = EMAModel(parameters, decay=settings.ema_decay, use_ema_warmup=True, power=0.75)
    step, best = 0, float("inf")
    state_file = output / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        ema.load_state_dict(state["ema"])
        if adversary is not None:
            adversary.load_state_dict(state["adversary"])
        step, best = state["step"], state["best"]

    num_samples = round(settings.crop_s * 48_000)
    weights = {"speech": settings.speech, "music": settings.music, "effects": settings.effects}
    # A resumed run draws a new stream: the crops are random anyway.
    dataset = CropDataset(recordings[0], num_samples, weights, seed=settings.seed + step)
    crops = iter(DataLoader(dataset, batch_size=settings.batch_size, num_workers=1, prefetch_factor=4))
    validation = draw_validation_crops(recordings[1], num_samples, settings.batch_size, seed=settings.seed)
    generator = torch.Generator().manual_seed(settings.seed + step)

    progress = tqdm(total=settings.num_steps, initial=step, mininterval=10)
    losses: list[float] = []
    while step < settings.num_steps:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, settings)
        loss = loss_of(next(crops), generator)
        _check_finite(loss.item(), step, state_file)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, settings.gradient_clip)
        optimizer.step()
        ema.step(parameters)
        step += 1
        losses.append(loss.item())
        progress.update()
        if step % settings.validation_every and step < settings.num_steps:
            continue
        ema.store(parameters)
        ema.copy_to(parameters)
        validation_loss = _validation_loss(loss_of, validation)
        # The last step may have spoilt the weights: they must not replace the good state.
        _check_finite(validation_loss, step, state_file)
        if validation_loss < best or adversary is not None:
            best = min(best, validation_loss)
            export()
        ema.restore(parameters)
        training_loss = sum(losses) / len(losses)
        losses.clear()
        with (output / "curve.jsonl").open("a") as file:
            line = {"step": step, "training_loss": training_loss, "validation_loss": validation_loss}
            file.write(json.dumps(line) + "\n")
        progress.write(f"step {step}: training {training_loss:.4f}, validation {validation_loss:.4f}")
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.state_dict()}
        if adversary is not None:
            state["adversary"] = adversary.state_dict()
        temporary = state_file.with_suffix(".tmp")
        torch.save({**state, "step": step, "best": best}, temporary)
        os.replace(temporary, state_file)


def _check_finite(loss: float, step: int, state_file: Path) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(f"loss={loss} at step {step}; {state_file} holds the last good state.")


@torch.no_grad()
def _validation_loss(loss_of: Callable[[Batch, torch.Generator], Tensor], batches: list[Batch]) -> float:
    """Mean loss over fixed batches with fixed randomness."""
    generator = torch.Generator().manual_seed(0)
    return sum(loss_of(batch, generator).item() for batch in batches) / len(batches)
