"""What every trainer is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from audiosr_pipeline.training.dataset import FREE_LICENCES, KINDS, NO_DEGRADATION, CropDataset, Recording
from audiosr_pipeline.training.degrade import DegradationShares

PRECISIONS = ("no", "bf16", "fp16")
# What a resumed run may have otherwise. Only `num_steps` changes what it does: the learning rate falls until then.
MAY_CHANGE = {"output", "num_steps", "validation_every", "accumulation_steps", "num_workers", "num_threads"}


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

    def crops(
        self,
        recordings: Sequence[Recording],
        degradation: DegradationShares = NO_DEGRADATION,
        lowpassed: bool = True,
    ) -> CropDataset:
        """The training crops of recordings; the other arguments as for `CropDataset`."""
        num_samples = round(self.crop_s * 48_000)
        return CropDataset(recordings, num_samples, self.kind_weights, self.seed, degradation, lowpassed)


def other_default(name: str, default: Any) -> Any:
    """The field `name` of `TrainingSettings` with another default."""
    return setting(default, TrainingSettings.__dataclass_fields__[name].metadata["help"])
