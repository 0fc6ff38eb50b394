"""The training loop that the trainers share: steps, moving average, validation, checkpoints."""

import json
import logging
import math
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, send_to_device
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader
from tqdm import tqdm

from audiosr_pipeline.training.dataset import (
    FREE_LICENCES,
    KINDS,
    NO_DEGRADATION,
    CropDataset,
    Recording,
    draw_validation_crops,
    generator_for,
)
from audiosr_pipeline.training.degrade import DegradationShares
from audiosr_pipeline.training.discriminators import Adversary
from audiosr_pipeline.training.saving import SETTINGS, STATE, alone_in, load_settings, load_state, save_state, writing
from audiosr_pipeline.writing import restore_folder

Batch = dict[str, Tensor]
PRECISIONS = ("no", "bf16", "fp16")
# What a resumed run may have otherwise. Only `num_steps` changes what it does: the learning rate falls until then.
MAY_CHANGE = {"output", "num_steps", "validation_every", "accumulation_steps", "num_workers", "num_threads"}

logger = logging.getLogger(__name__)


def setting(default: Any, description: str) -> Any:
    """A field of settings: its default, and what the command line says about it."""
    return field(default=default, metadata={"help": description})


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What every trainer needs; a trainer's own settings come on top.

    `presets` holds, by name, in what a preset differs from the defaults.

    Raises:
        ValueError: If a value can't be.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {"mini": {}}

    data: tuple[str, ...] = field(metadata={"help": "folders of audio files, and CSV manifests"})
    output: str = field(metadata={"help": "folder of the run; one that is there goes on where it stopped"})
    initial: str = setting("", "folder of trained weights to start from; none: from scratch")
    official_width: int = setting(0, "width as published (UNet, autoencoder: 128; HiFi-GAN: 1536); 0: audiosr-mini's")
    licences: str = setting(FREE_LICENCES, "regular expression of the licences that a manifest's rows may have")
    num_steps: int = setting(10_000, "steps of the optimiser")
    batch_size: int = setting(8, "crops per step, over all processes")
    accumulation_steps: int = setting(1, "parts that a process takes its share of a step in, to save memory")
    crop_s: float = setting(2.56, "length of a crop in seconds")
    learning_rate: float = setting(1e-3, "highest learning rate, after the warm-up")
    warmup_steps: int = setting(200, "steps in which the learning rate rises")
    ema_decay: float = setting(0.998, "of the moving average of the weights, which is what is exported")
    gradient_clip: float = setting(1.0, "largest norm of the gradient")
    speech: float = setting(0.25, "share of speech among the crops")
    music: float = setting(0.3, "share of music")
    effects: float = setting(0.45, "share of effects, which a folder's files count as")
    validation_every: int = setting(250, "steps from one validation, export and checkpoint to the next")
    mixed_precision: str = setting("no", "bf16 or fp16, where the hardware has it")
    num_workers: int = setting(1, "processes that read audio, for each that trains")
    num_threads: int = setting(1, "threads of each process that trains")
    seed: int = setting(0, "of everything that is random")

    def __post_init__(self) -> None:
        if self.mixed_precision not in PRECISIONS:
            accepted = ", ".join(PRECISIONS)
            raise ValueError(f'mixed_precision="{self.mixed_precision}"; accepted are {accepted}.')
        for name in ("num_steps", "batch_size", "accumulation_steps", "validation_every", "num_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}; accepted are whole numbers from 1 on.")
        if not self.crop_s > 0:
            raise ValueError(f"crop_s={self.crop_s}; accepted are numbers above 0.")

    @property
    def kind_weights(self) -> dict[str, float]:
        """Share of each kind of audio among the crops."""
        return {kind: getattr(self, kind) for kind in KINDS}


def other_default(name: str, default: Any) -> Any:
    """The field `name` of `TrainingSettings` with another default."""
    return setting(default, TrainingSettings.__dataclass_fields__[name].metadata["help"])


def launch(settings: TrainingSettings) -> Accelerator:
    """Sets up the process, on the GPU that `accelerate launch` gives it, else on the CPU, and seeds it.

    Raises:
        ValueError: If the hardware lacks the precision, or the processes can't share a step's crops evenly.
    """
    torch.set_num_threads(settings.num_threads)
    torch.manual_seed(settings.seed)
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=settings.mixed_precision)
    # Which accelerate would pass over without a word.
    if settings.mixed_precision == "fp16" and accelerator.device.type == "cpu":
        raise ValueError('mixed_precision="fp16" needs a GPU; accepted on a CPU are no, bf16.')
    if settings.batch_size % (accelerator.num_processes * settings.accumulation_steps):
        raise ValueError(
            f"batch_size={settings.batch_size} can't be shared evenly by {accelerator.num_processes} processes with "
            f"accumulation_steps={settings.accumulation_steps}: their product has to divide it."
        )
    return accelerator


def learning_rate_at(step: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then a cosine down to 2 % of the settings' learning rate."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    progress = (step - settings.warmup_steps) / max(1, settings.num_steps - settings.warmup_steps)
    return settings.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def train(
    accelerator: Accelerator,
    model: nn.Module,
    loss_of: Callable[[Batch, torch.Generator], Tensor],
    recordings: tuple[list[Recording], list[Recording]],
    settings: TrainingSettings,
    export: Callable[[Path], None],
    adversary: Adversary | None = None,
    preview: Callable[[Batch], dict[str, Tensor]] | None = None,
    degradation: DegradationShares = NO_DEGRADATION,
    norm_inputs: Sequence[Tensor] = (),
) -> None:
    """Trains `model` and exports the moving average of its weights whenever the validation loss is the best so far.

    Against an adversary the latest are exported: what it teaches raises the losses that validation can measure.

    Into `settings.output` go the exported model, `best/`; the state at each validation, `state.pt`, from which a run
    goes on to the same weights that it would have had unstopped, and the state before it, `state.previous.pt`, from
    which it does so if that is damaged; the curve, `curve.jsonl`; the settings, `settings.json`; and if TensorBoard is
    installed, curves and previews for it, `tensorboard/`. If a run goes on with other validation recordings, the best
    so far counts anew: losses on the former can't be compared.

    Args:
        accelerator: From `launch`.
        model: What is trained, in place.
        loss_of: Loss of a batch of crops, a mean over them, and with an adversary also a call of its `add_gradients`.
            The generator draws what is random for the whole batch, in all processes the same; what is random for a crop
            comes from `crop_generators`.
        recordings: Training and validation recordings.
        settings: How to train.
        export: Writes the model into a folder; called with the moving average in `model`.
        adversary: What is trained beside the model, and saved with it.
        preview: What TensorBoard shows of a batch at each validation: mels `(num_frames, n_mels)`, waveforms at 48 kHz
            `(num_samples,)`.
        degradation: Shares of the low-passed training crops that suffer more than the low-pass.
        norm_inputs: Batches from which the moving average's batch norms take their statistics before it is validated
            and exported: those that come with training are of other weights. Needed by a model that has such norms.

    Raises:
        ValueError: If the run in `settings.output` has other settings, no state of it is whole, or another process is
            at it.
        FloatingPointError: If a loss is no finite number.
        OSError: If something can't be written.
    """
    with alone_in(Path(settings.output)) if accelerator.is_main_process else nullcontext():
        _train(accelerator, model, loss_of, recordings, settings, export, adversary, preview, degradation, norm_inputs)


def _train(
    accelerator: Accelerator,
    model: nn.Module,
    loss_of: Callable[[Batch, torch.Generator], Tensor],
    recordings: tuple[list[Recording], list[Recording]],
    settings: TrainingSettings,
    export: Callable[[Path], None],
    adversary: Adversary | None = None,
    preview: Callable[[Batch], dict[str, Tensor]] | None = None,
    degradation: DegradationShares = NO_DEGRADATION,
    norm_inputs: Sequence[Tensor] = (),
) -> None:
    output, device = Path(settings.output), accelerator.device
    bound = {name: value for name, value in asdict(settings).items() if name not in MAY_CHANGE}
    model.to(device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = accelerator.prepare_optimizer(
        torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    )
    modules, optimizers = [model], [optimizer]
    ema = EMAModel(parameters, decay=settings.ema_decay, use_ema_warmup=True, power=0.75)
    # What has a state, by its name in the checkpoint.
    parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "ema": ema}
    if accelerator.scaler is not None:
        parts["scaler"] = accelerator.scaler
    if adversary is not None:
        adversary.discriminators.to(device)
        modules.append(adversary.discriminators)
        optimizers.append(adversary.optimizer)
        parts["adversary"] = adversary
    # The same seed may give other numbers on other machines.
    broadcast([parameter.data for module in modules for parameter in module.parameters()])
    step, best, curve = 0, math.inf, []
    held_out = zlib.crc32(repr([(recording.path.name, recording.duration_s) for recording in recordings[1]]).encode())
    state = load_state(output, device)
    if state is not None:
        _check_settings(output, state.get("settings"), bound)
        try:
            for name, part in parts.items():
                part.load_state_dict(state[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(f"{output}: its state is of another model: {error}") from error
        step, best, curve = state["step"], state["best"], state["curve"]
        if held_out != state["held_out"]:
            best = math.inf
            logger.warning("the validation recordings are others than before: the best loss on them counts anew.")
    steps = set(accelerator.gather(torch.tensor([step], device=device)).tolist())
    if len(steps) > 1:
        raise ValueError(
            f"the processes find states of the steps {sorted(steps)}: {output} has to be the same for all."
        )
    ema.to(device)

    num_samples = round(settings.crop_s * 48_000)
    dataset = CropDataset(recordings[0], num_samples, settings.kind_weights, settings.seed, degradation)
    # Fails here, with its own message, if nothing can be drawn, and not inside a worker.
    dataset[0]
    share = settings.batch_size // (accelerator.num_processes * settings.accumulation_steps)
    crops = iter(
        DataLoader(
            dataset,
            batch_sampler=_numbers_of_crops(accelerator, settings, step),
            num_workers=settings.num_workers,
            prefetch_factor=4 if settings.num_workers else None,
        )
    )
    validation = draw_validation_crops(recordings[1], num_samples, share, seed=settings.seed)
    if accelerator.is_main_process:
        _clear_up(output)
        with writing(output / SETTINGS) as temporary:
            temporary.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    accelerator.wait_for_everyone()
    if state is not None and not (output / "best").exists():
        if step >= settings.num_steps:
            raise ValueError(
                f"the run in {output} is finished, but its best/ is gone: go on with more steps (num_steps), or "
                "begin anew in another folder."
            )
        best = math.inf
        logger.warning("%s is gone: the best loss counts anew.", output / "best")
    writer = _open_tensorboard(output, step) if accelerator.is_main_process else None

    progress = tqdm(total=settings.num_steps, initial=step, mininterval=1, disable=not accelerator.is_main_process)
    losses: list[float] = []
    num_skipped = 0
    while step < settings.num_steps:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, settings)
        for each in optimizers:
            each.zero_grad()
        loss = torch.zeros((), device=device)
        for _ in range(settings.accumulation_steps):
            batch = next(crops)
            num_skipped += int(batch.pop("num_skipped").sum())
            part_loss = loss_of(send_to_device(batch, device), generator_for(settings.seed, step))
            accelerator.backward(part_loss)
            loss += part_loss.detach() / settings.accumulation_steps
        losses.append(accelerator.reduce(loss, "mean").item())
        _check_finite(losses[-1], step, output)
        for each in optimizers:
            _average_gradients(accelerator, each, settings.accumulation_steps)
        accelerator.clip_grad_norm_(parameters, settings.gradient_clip)
        for each in optimizers:
            each.step()
        ema.step(parameters)
        step += 1
        progress.update()
        progress.set_postfix(loss=f"{losses[-1]:.4f}", skipped=num_skipped, refresh=False)
        if step % settings.validation_every and step < settings.num_steps:
            continue
        ema.store(parameters)
        ema.copy_to(parameters)
        if norm_inputs:
            update_bn(norm_inputs, model, device)
        validation_loss = _validation_loss(accelerator, loss_of, validation)
        # The last step may have spoilt the weights: they must not replace the good state.
        _check_finite(validation_loss, step, output)
        is_exported = validation_loss < best or adversary is not None
        best = min(best, validation_loss)
        if accelerator.is_main_process:
            if is_exported:
                with writing(output / "best") as temporary:
                    export(temporary)
            if writer is not None and preview is not None:
                with torch.no_grad():
                    _show(writer, preview(send_to_device(validation[0], device)), step)
        ema.restore(parameters)
        training_loss = sum(losses) / len(losses)
        losses.clear()
        curve.append({"step": step, "training_loss": training_loss, "validation_loss": validation_loss})
        if accelerator.is_main_process:
            if writer is not None:
                writer.add_scalar("loss/training", training_loss, step)
                writer.add_scalar("loss/validation", validation_loss, step)
                writer.add_scalar("learning_rate", learning_rate_at(step - 1, settings), step)
                writer.flush()
            progress.write(f"step {step}: training {training_loss:.4f}, validation {validation_loss:.4f}")
            # All of it, and before the state: a run that was killed in between writes the same again.
            with writing(output / "curve.jsonl") as temporary:
                temporary.write_text("".join(json.dumps(line) + "\n" for line in curve))
            states = {name: part.state_dict() for name, part in parts.items()}
            progress_so_far = {"step": step, "best": best, "held_out": held_out, "curve": curve}
            save_state(output, {**states, **progress_so_far, "settings": bound})
    progress.close()
    if num_skipped:
        logger.warning("%d draws skipped, of files that could not be read", num_skipped)
    accelerator.wait_for_everyone()


def _check_settings(output: Path, begun: dict[str, Any] | None, bound: dict[str, Any]) -> None:
    """Raises ValueError if a run has other settings than it was begun with; those in its state count."""
    try:
        written = load_settings(output)
    except ValueError as error:
        if begun is None:
            raise
        logger.warning("%s; it is written anew, as the state holds the settings too", error)
    else:
        begun = written if begun is None else begun
    # As they are after a turn through JSON, which has no tuples.
    begun, wanted = json.loads(json.dumps([begun, bound]))
    different = [
        f"{name}={value} (was {begun.get(name)})" for name, value in wanted.items() if value != begun.get(name)
    ]
    if different:
        raise ValueError(
            f"the run in {output} was begun with other settings: {', '.join(different)}. Go on with its own, or "
            f"name another output; changed may be {', '.join(sorted(MAY_CHANGE))}."
        )


def _clear_up(output: Path) -> None:
    """Clears away what a killed run left half written, and puts back the export that it was about to replace."""
    for part in output.glob(".*.part"):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
    restore_folder(output / "best")


def _numbers_of_crops(accelerator: Accelerator, settings: TrainingSettings, first_step: int) -> Iterator[list[int]]:
    """The numbers in the stream of the crops of each part of a step that this process takes."""
    num_parts = accelerator.num_processes * settings.accumulation_steps
    size = settings.batch_size // num_parts
    for step in range(first_step, settings.num_steps):
        for part in range(accelerator.process_index, num_parts, accelerator.num_processes):
            first = step * settings.batch_size + part * size
            yield list(range(first, first + size))


def _average_gradients(accelerator: Accelerator, optimizer: torch.optim.Optimizer, num_parts: int) -> None:
    """Makes the gradients, sums over the parts of a step, means over the parts of all processes.

    Once a step, and without a wrapper around the model, of which a loss may call more than `forward`.
    """
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if accelerator.num_processes > 1:
        mean = accelerator.reduce(nn.utils.parameters_to_vector(gradients), "mean")
        nn.utils.vector_to_parameters(mean, gradients)
    for gradient in gradients:
        gradient /= num_parts


def _check_finite(loss: float, step: int, output: Path) -> None:
    if not math.isfinite(loss):
        file = output / STATE
        kept = f"{file} holds the last good state" if file.exists() else "no state was saved before it"
        raise FloatingPointError(f"loss={loss} at step {step}; {kept}. A lower learning rate may help.")


@torch.no_grad()
def _validation_loss(
    accelerator: Accelerator, loss_of: Callable[[Batch, torch.Generator], Tensor], batches: list[Batch]
) -> float:
    """Mean loss over fixed crops with fixed randomness, which the processes share."""
    total = torch.zeros(2, device=accelerator.device)
    for batch in batches[accelerator.process_index :: accelerator.num_processes]:
        loss = loss_of(send_to_device(batch, accelerator.device), torch.Generator().manual_seed(0))
        size = len(batch["audio"])
        total += torch.stack([size * loss, torch.full_like(loss, size)])
    total_loss, num_crops = accelerator.reduce(total, "sum").tolist()
    return total_loss / num_crops


def _open_tensorboard(output: Path, step: int) -> Any:
    """A writer that replaces what an earlier run wrote after `step`, or None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.warning("no curves and previews for TensorBoard, which needs: pip install audiosr-pipeline[train]")
        return None
    return SummaryWriter(output / "tensorboard", purge_step=step + 1)


def _show(writer: Any, previews: dict[str, Tensor], step: int) -> None:
    """Writes waveforms as audio and mels as pictures, time to the right and pitch upwards."""
    for name, tensor in previews.items():
        tensor = tensor.float().cpu()
        if tensor.dim() == 1:
            writer.add_audio(name, tensor.clamp(-1, 1)[None], step, sample_rate=48_000)
        else:
            picture = (tensor - tensor.min()) / (tensor.max() - tensor.min()).clamp(min=1e-8)
            writer.add_image(name, picture.mT.flip(0)[None], step)
