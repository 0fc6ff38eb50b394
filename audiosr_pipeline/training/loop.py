"""The training loop that the trainers share: steps, moving average, validation, checkpoints."""

import json
import logging
import math
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, send_to_device
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader
from tqdm import tqdm

from audiosr_pipeline.training.dataset import Recording, TrainingData, generator_for
from audiosr_pipeline.training.discriminators import Adversary
from audiosr_pipeline.training.parts import fingerprint, write_trained_with
from audiosr_pipeline.training.previews import open_tensorboard, show_previews
from audiosr_pipeline.training.saving import SETTINGS, STATE, alone_in, load_settings, load_state, save_state, writing
from audiosr_pipeline.training.settings import MAY_CHANGE, TrainingSettings
from audiosr_pipeline.writing import restore_folder

Batch = dict[str, Tensor]
LossOf = Callable[[Batch, torch.Generator], Tensor]
logger = logging.getLogger(__name__)


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


def adamw(parameters: Sequence[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """The optimiser of all trainers that name no other."""
    return torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01)


def learning_rate_at(step: int, settings: TrainingSettings, schedule: str = "cosine") -> float:
    """Linear warm-up to the settings' learning rate; then it stays, or a cosine leads down to 2 % of it.

    Args:
        step: Number of the step, from 0.
        settings: How to train.
        schedule: "cosine" or "constant".
    """
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    if schedule == "constant":
        return settings.learning_rate
    progress = (step - settings.warmup_steps) / max(1, settings.num_steps - settings.warmup_steps)
    return settings.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def train(
    accelerator: Accelerator,
    model: nn.Module,
    loss_of: LossOf,
    crops: TrainingData,
    held_out: Sequence[Recording],
    settings: TrainingSettings,
    export: Callable[[Path], None],
    adversary: Adversary | None = None,
    preview: Callable[[Batch], dict[str, Tensor]] | None = None,
    norm_inputs: Sequence[Tensor] = (),
    builds_on: Mapping[str, nn.Module] | None = None,
    make_optimizer: Callable[[Sequence[nn.Parameter], float], torch.optim.Optimizer] = adamw,
    schedule: str = "cosine",
) -> None:
    """Trains `model` and exports the moving average of its weights whenever the validation loss is the best so far.

    Against an adversary the latest are exported: what it teaches raises the losses that validation can measure.

    Into `settings.output` go the exported model, `best/`; the state at each validation, `state.pt`, from which a run
    goes on to the same weights that it would have had unstopped, and the state before it, `state.previous.pt`, from
    which it does so if that is damaged; the curve, `curve.jsonl`; the settings, `settings.json`; and if TensorBoard is
    installed, curves and previews for it, `tensorboard/`. If a run goes on with other validation recordings, the best
    so far counts anew: losses on the former can't be compared. Other training recordings are said.

    Args:
        accelerator: From `launch`.
        model: What is trained, in place.
        loss_of: Loss of a batch of crops, a mean over them, and with an adversary also a call of its `add_gradients`.
            The generator draws what is random for the whole batch, in all processes the same; what is random for a crop
            comes from `crop_generators`.
        crops: The training crops.
        held_out: Recordings for validation, of which each gives a crop of the same length.
        settings: How to train.
        export: Writes the model into a folder; called with the moving average in `model`.
        adversary: What is trained beside the model, and saved with it.
        preview: What TensorBoard shows of a batch at each validation: mels `(num_frames, n_mels)`, waveforms at 48 kHz
            `(num_samples,)`.
        norm_inputs: Batches from which the moving average's batch norms take their statistics before it is validated
            and exported: those that come with training are of other weights. Needed by a model that has such norms.
        builds_on: Trained networks, by name, whose output the model learns from. A run goes on with these alone, and
            what is exported says which they were.
        make_optimizer: Makes the optimiser, of parameters and a learning rate.
        schedule: How the learning rate goes on after the warm-up, see `learning_rate_at`.

    Raises:
        ValueError: If the run in `settings.output` has other settings, more steps or builds on other networks, no state
            of it is whole, or another process is at it.
        FloatingPointError: If a loss is no finite number.
        OSError: If something can't be written.
    """
    with alone_in(Path(settings.output)) if accelerator.is_main_process else nullcontext():
        run = _Run(
            accelerator,
            model,
            loss_of,
            settings,
            export,
            adversary,
            preview,
            norm_inputs,
            builds_on or {},
            make_optimizer,
            schedule,
        )
        run.begin(crops, held_out)
        while run.step < settings.num_steps:
            run.advance()
            if run.step % settings.validation_every == 0 or run.step == settings.num_steps:
                run.validate()
        run.end()


class _Run:
    """A run of `train`, whose arguments it takes: its parts, and how far it is."""

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module,
        loss_of: LossOf,
        settings: TrainingSettings,
        export: Callable[[Path], None],
        adversary: Adversary | None,
        preview: Callable[[Batch], dict[str, Tensor]] | None,
        norm_inputs: Sequence[Tensor],
        builds_on: Mapping[str, nn.Module],
        make_optimizer: Callable[[Sequence[nn.Parameter], float], torch.optim.Optimizer],
        schedule: str,
    ):
        self.accelerator, self.device, self.output = accelerator, accelerator.device, Path(settings.output)
        self.model, self.loss_of, self.settings = model.to(self.device), loss_of, settings
        self.export, self.preview, self.norm_inputs = export, preview, norm_inputs
        self.has_adversary = adversary is not None
        self.fingerprints = {name: fingerprint(network) for name, network in builds_on.items()}
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.schedule = schedule
        self.optimizer = accelerator.prepare_optimizer(make_optimizer(self.parameters, settings.learning_rate))
        self.optimizers = [self.optimizer]
        self.ema = EMAModel(self.parameters, decay=settings.ema_decay, use_ema_warmup=True, power=0.75)
        # What has a state, by its name in the checkpoint.
        self.parts: dict[str, Any] = {"model": model, "optimizer": self.optimizer, "ema": self.ema}
        if accelerator.scaler is not None:
            self.parts["scaler"] = accelerator.scaler
        modules = [model]
        if adversary is not None:
            modules.append(adversary.discriminators.to(self.device))
            self.optimizers.append(adversary.optimizer)
            self.parts["adversary"] = adversary
        # The same seed may give other numbers on other machines.
        broadcast([parameter.data for module in modules for parameter in module.parameters()])
        self.step, self.best, self.num_skipped = 0, math.inf, 0
        self.curve: list[dict[str, Any]] = []
        self.losses: list[float] = []
        self.writer: Any = None

    def begin(self, dataset: TrainingData, held_out: Sequence[Recording]) -> None:
        """Goes to where an earlier run in the folder stopped, and opens what the steps need."""
        settings, accelerator = self.settings, self.accelerator
        self.held_out = _checksum(held_out)
        self.recordings = _checksum(dataset.used_recordings)
        self.bound = {name: value for name, value in asdict(settings).items() if name not in MAY_CHANGE}
        is_resumed = self._restore()
        if self.step > settings.num_steps:
            raise ValueError(
                f"num_steps={settings.num_steps}, but the run in {self.output} has made {self.step} steps: pass that "
                "or more to go on with it, or name another output."
            )
        # Fails here, with its own message, if nothing can be drawn, and not inside a worker.
        dataset[0]
        share = settings.batch_size // (accelerator.num_processes * settings.accumulation_steps)
        self.crops = iter(
            DataLoader(
                dataset,
                batch_sampler=_numbers_of_crops(accelerator, settings, self.step),
                num_workers=settings.num_workers,
                prefetch_factor=4 if settings.num_workers else None,
            )
        )
        self.validation = dataset.validation_batches(held_out, share)
        if accelerator.is_main_process:
            _clear_up(self.output)
            with writing(self.output / SETTINGS) as temporary:
                temporary.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
        accelerator.wait_for_everyone()
        if is_resumed and not (self.output / "best").exists():
            if self.step >= settings.num_steps:
                raise ValueError(
                    f"the run in {self.output} is finished, but its best/ is gone: go on with more steps (num_steps), "
                    "or begin anew in another folder."
                )
            self.best = math.inf
            logger.warning("%s is gone: the best loss counts anew.", self.output / "best")
        is_shown = accelerator.is_main_process
        self.writer = open_tensorboard(self.output, self.step) if is_shown else None
        self.progress = tqdm(total=settings.num_steps, initial=self.step, mininterval=1, disable=not is_shown)

    def _restore(self) -> bool:
        """Takes over the state of an earlier run in the folder, and says whether there was one."""
        state = load_state(self.output, self.device)
        if state is not None:
            _check_settings(self.output, state.get("settings"), self.bound, self.settings.num_steps)
            # Those of earlier versions don't say.
            begun_with = state.get("builds_on", self.fingerprints)
            if other := sorted(name for name, own in self.fingerprints.items() if begun_with.get(name) != own):
                raise ValueError(
                    f"the run in {self.output} was begun with another {' and '.join(other)} than is there now by that "
                    "name: put the former back, or name another output."
                )
            try:
                for name, part in self.parts.items():
                    part.load_state_dict(state[name])
            except (KeyError, RuntimeError, ValueError) as error:
                raise ValueError(f"{self.output}: its state is of another model: {error}") from error
            self.step, self.best, self.curve = state["step"], state["best"], state["curve"]
            if self.held_out != state["held_out"]:
                self.best = math.inf
                logger.warning("the validation recordings are others than before: the best loss on them counts anew.")
            # States of earlier versions don't say.
            if self.recordings != state.get("recordings", self.recordings):
                logger.warning(
                    "the training recordings are others than before: crops are drawn from these from step %d on, which "
                    "an unstopped run would not have done.",
                    self.step,
                )
        steps = set(self.accelerator.gather(torch.tensor([self.step], device=self.device)).tolist())
        if len(steps) > 1:
            raise ValueError(
                f"the processes find states of the steps {sorted(steps)}: {self.output} has to be the same for all."
            )
        self.ema.to(self.device)
        return state is not None

    def advance(self) -> None:
        """A step of the optimiser."""
        settings, accelerator = self.settings, self.accelerator
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, settings, self.schedule)
        for each in self.optimizers:
            each.zero_grad()
        loss = torch.zeros((), device=self.device)
        for _ in range(settings.accumulation_steps):
            batch = next(self.crops)
            self.num_skipped += int(batch.pop("num_skipped").sum())
            part_loss = self.loss_of(send_to_device(batch, self.device), generator_for(settings.seed, self.step))
            accelerator.backward(part_loss)
            loss += part_loss.detach() / settings.accumulation_steps
        self.losses.append(accelerator.reduce(loss, "mean").item())
        _check_finite(self.losses[-1], self.step, self.output)
        for each in self.optimizers:
            _average_gradients(accelerator, each, settings.accumulation_steps)
        accelerator.clip_grad_norm_(self.parameters, settings.gradient_clip)
        for each in self.optimizers:
            each.step()
        self.ema.step(self.parameters)
        self.step += 1
        self.progress.update()
        self.progress.set_postfix(loss=f"{self.losses[-1]:.4f}", skipped=self.num_skipped, refresh=False)

    def validate(self) -> None:
        """Validates the moving average, exports it if it is to be, and saves the state."""
        self.ema.store(self.parameters)
        self.ema.copy_to(self.parameters)
        if self.norm_inputs:
            update_bn(self.norm_inputs, self.model, self.device)
        validation_loss = _validation_loss(self.accelerator, self.loss_of, self.validation)
        # The last step may have spoilt the weights: they must not replace the good state.
        _check_finite(validation_loss, self.step, self.output)
        is_exported = validation_loss < self.best or self.has_adversary
        self.best = min(self.best, validation_loss)
        if self.accelerator.is_main_process:
            if is_exported:
                with writing(self.output / "best") as temporary:
                    self.export(temporary)
                    write_trained_with(temporary, self.fingerprints)
            if self.writer is not None and self.preview is not None:
                with torch.no_grad():
                    show_previews(self.writer, self.preview(send_to_device(self.validation[0], self.device)), self.step)
        self.ema.restore(self.parameters)
        training_loss = sum(self.losses) / len(self.losses)
        self.losses.clear()
        self.curve.append({"step": self.step, "training_loss": training_loss, "validation_loss": validation_loss})
        if self.accelerator.is_main_process:
            self._write(training_loss, validation_loss)

    def _write(self, training_loss: float, validation_loss: float) -> None:
        """Writes curves and state."""
        if self.writer is not None:
            self.writer.add_scalar("loss/training", training_loss, self.step)
            self.writer.add_scalar("loss/validation", validation_loss, self.step)
            self.writer.add_scalar(
                "learning_rate", learning_rate_at(self.step - 1, self.settings, self.schedule), self.step
            )
            self.writer.flush()
        self.progress.write(f"step {self.step}: training {training_loss:.4f}, validation {validation_loss:.4f}")
        # All of it, and before the state: a run that was killed in between writes the same again.
        with writing(self.output / "curve.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in self.curve))
        states = {name: part.state_dict() for name, part in self.parts.items()}
        progress = {"step": self.step, "best": self.best, "curve": self.curve}
        data = {"held_out": self.held_out, "recordings": self.recordings}
        save_state(self.output, {**states, **progress, **data, "settings": self.bound, "builds_on": self.fingerprints})

    def end(self) -> None:
        """Says what was skipped, and waits for the other processes."""
        self.progress.close()
        if self.num_skipped:
            logger.warning("%d draws skipped, of files that could not be read", self.num_skipped)
        self.accelerator.wait_for_everyone()


def _checksum(recordings: Sequence[Recording]) -> int:
    """A number that differs for other recordings, wherever they lie."""
    return zlib.crc32(repr([(each.path.name, each.duration_s) for each in recordings]).encode())


def _check_settings(output: Path, begun: dict[str, Any] | None, bound: dict[str, Any], num_steps: int) -> None:
    """Raises ValueError if a run has other settings than it was begun with; those in its state count.

    Says so if it is to end at another step, which alone of what may change alters what it does.
    """
    try:
        written = load_settings(output)
    except ValueError as error:
        if begun is None:
            raise
        logger.warning("%s; it is written anew, as the state holds the settings too", error)
    else:
        begun = written if begun is None else begun
        if (former := written.get("num_steps")) != num_steps:
            logger.warning(
                "%s: num_steps=%d (was %s): from here on the learning rate falls until then", output, num_steps, former
            )
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
def _validation_loss(accelerator: Accelerator, loss_of: LossOf, batches: list[Batch]) -> float:
    """Mean loss over fixed crops with fixed randomness, which the processes share."""
    total = torch.zeros(2, device=accelerator.device)
    for batch in batches[accelerator.process_index :: accelerator.num_processes]:
        loss = loss_of(send_to_device(batch, accelerator.device), torch.Generator().manual_seed(0))
        size = len(batch["audio"])
        total += torch.stack([size * loss, torch.full_like(loss, size)])
    total_loss, num_crops = accelerator.reduce(total, "sum").tolist()
    return total_loss / num_crops
