"""What the trainers are told: the options of `train`. It imports nothing that takes long."""

import math
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

KINDS = ("speech", "music", "effects")
FREE_LICENCES = r"(CC0|CC-BY|Public domain)(-\d+(\.\d+)*)?"
PRECISIONS = ("no", "bf16", "fp16")
# Side of the autoencoder's patches, in mel frames and bins.
PATCH = 8
# How the learning rate goes on after the warm-up.
SCHEDULES = ("cosine", "constant")
# Widths, strides, recurrent layers and channels of the noise level's embedding, by size and rate in Hz.
DAG_NETWORKS = {
    ("mini", 16_000): ((16, 48, 96, 128), (4, 4, 4, 4), 1, 64),
    ("mini", 48_000): ((16, 48, 96, 128), (4, 4, 4, 5), 1, 64),
    ("paper", 22_050): ((64, 128, 128, 256, 512), (2, 2, 3, 3, 5), 2, 256),
    ("paper", 48_000): ((64, 128, 128, 256, 512), (2, 2, 4, 4, 5), 2, 256),
}
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
    licences: str = setting(FREE_LICENCES, "regular expression of the licences that a manifest's rows may have")
    num_steps: int = setting(10_000, "steps of the optimiser")
    batch_size: int = setting(8, "crops per step, over all processes")
    accumulation_steps: int = setting(1, "parts that a process takes its share of a step in, to save memory")
    crop_s: float = setting(2.56, "length of a crop in seconds")
    learning_rate: float = setting(1e-3, "highest learning rate, after the warm-up")
    warmup_steps: int = setting(200, "steps in which the learning rate rises")
    ema_decay: float = setting(0.998, "of the moving average of the weights, which is what is exported")
    gradient_clip: float = setting(1.0, "largest norm of the gradient")
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
        if not 1 <= self.crop_s * 48_000 < math.inf:
            raise ValueError(f"crop_s={self.crop_s}; accepted are seconds that hold a sample or more.")
        self._check_from_0("learning_rate")
        # A norm below 0 would turn the gradients round.
        if not self.gradient_clip > 0:
            raise ValueError(f"gradient_clip={self.gradient_clip}; accepted are numbers above 0, inf is no limit.")
        for name in ("warmup_steps", "num_workers"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}; accepted are whole numbers from 0 on.")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay={self.ema_decay}; accepted are numbers from 0 on, below 1.")
        if "" in self.data:
            raise ValueError(
                "a name in data is empty; accepted are folders and CSV manifests, . is the current folder."
            )
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed={self.seed}; accepted are whole numbers from 0 to 2^63 - 1.")
        try:
            re.compile(self.licences)
        except re.error as error:
            raise ValueError(f'licences="{self.licences}"; accepted is a regular expression: {error}.') from error

    def _check_from_0(self, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)}; accepted are numbers from 0 on.")


@dataclass(frozen=True, kw_only=True)
class CropSettings(TrainingSettings):
    """What the trainers of audio super-resolution need, which learn from crops of any audio at 48 kHz."""

    official_width: int = setting(0, "width as published (UNet, autoencoder: 128; HiFi-GAN: 1536); 0: audiosr-mini's")
    speech: float = setting(0.25, "share of speech among the crops")
    music: float = setting(0.3, "share of music")
    effects: float = setting(0.45, "share of effects, which a folder's files count as")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_from_0(*KINDS)

    @property
    def kind_weights(self) -> dict[str, float]:
        """Share of each kind of audio among the crops."""
        return {kind: getattr(self, kind) for kind in KINDS}


def other_default(name: str, default: Any) -> Any:
    """The field `name` of `CropSettings` with another default."""
    return setting(default, CropSettings.__dataclass_fields__[name].metadata["help"])


@dataclass(frozen=True, kw_only=True)
class VAESettings(CropSettings):
    """Settings of the autoencoder's training.

    LDM lets its discriminator begin late: so does a second run, from the first's result, with an `adversarial_weight`.
    """

    presets: ClassVar = {
        "mini": {},
        "paper": {
            "official_width": 128,
            "crop_s": 5.12,
            "num_steps": 500_000,
            "learning_rate": 8e-6,
            "adversarial_weight": 0.5,
        },
    }

    output: str = other_default("output", "runs/vae")
    num_steps: int = other_default("num_steps", 500)
    learning_rate: float = other_default("learning_rate", 1e-4)
    latent_channels: int = setting(16, "of audiosr-mini's; the published one has 16")
    latent_noise: float = setting(0.05, "noise that audiosr-mini's decoder learns with, of scaled latents")
    kl_weight: float = setting(1e-6, "weight of the published one's posterior's divergence, per value of the mel")
    adversarial_weight: float = setting(0.0, "gradient from the discriminator, beside the L1's; 0: none")
    discriminator_channels: int = setting(64, "width of the discriminator")

    def __post_init__(self) -> None:
        super().__post_init__()
        num_frames = round(self.crop_s * 48_000) // 480
        # The discriminator's patches need three latents' frames.
        if num_frames % PATCH or (self.adversarial_weight > 0 and num_frames < 3 * PATCH):
            raise ValueError(
                f"crop_s={self.crop_s}; accepted are multiples of 0.08 s; against a discriminator from 0.24 s."
            )


@dataclass(frozen=True, kw_only=True)
class LDMSettings(CropSettings):
    """Settings of the diffusion model's training."""

    presets: ClassVar = {
        "mini": {},
        "paper": {
            "official_width": 128,
            "crop_s": 5.12,
            "num_steps": 500_000,
            "learning_rate": 1e-4,
            "ema_decay": 0.9999,
            "patch_weight": 0.0,
        },
    }

    output: str = other_default("output", "runs/ldm")
    vae: str = setting("runs/vae/best", "folder of the trained autoencoder")
    num_steps: int = other_default("num_steps", 8_000)
    condition_dropout: float = setting(0.1, "share of the crops that get no condition, for guidance")
    patch_weight: float = setting(1.0, "weight of the loss's means over patches; 0 is the paper's loss")
    shelf: float = setting(0.0, "share of the inputs with a lossy coder's shelf")
    holes: float = setting(0.0, "share of the inputs with a lossy coder's holes")
    resampler: float = setting(0.0, "share of the inputs from another resampler")
    quantisation: float = setting(0.0, "share of the inputs with 8 or 16 bits")


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings(CropSettings):
    """What the trainers of vocoders need for their discriminators."""

    adversarial_weight: float = setting(0.0, "weight of the adversarial loss; 0: no discriminators")
    matching_weight: float = setting(2.0, "weight of the feature matching")
    adversarial_s: float = setting(0.32, "how much of a crop the discriminators hear, in seconds")
    discriminator_channels: int = setting(16, "width of the multi-resolution discriminators; 0: none")
    period_channels: int = setting(8, "first width of the multi-period discriminators (32 in HiFi-GAN); 0: none")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.adversarial_weight > 0 and not 0 < self.adversarial_s <= self.crop_s:
            raise ValueError(
                f"adversarial_s={self.adversarial_s}; accepted are numbers above 0, up to crop_s={self.crop_s}."
            )


@dataclass(frozen=True, kw_only=True)
class VocoderSettings(AdversarialSettings):
    """Settings of the vocoder's training."""

    presets: ClassVar = {
        "mini": {},
        "paper": {
            "official_width": 1_536,
            "num_steps": 1_000_000,
            "learning_rate": 2e-4,
            "ema_decay": 0.9999,
            "mel_weight": 45.0,
            "adversarial_weight": 1.0,
            "discriminator_channels": 32,
            "period_channels": 32,
        },
    }

    output: str = other_default("output", "runs/vocoder")
    vae: str = setting("", "folder of a trained autoencoder, whose mels half of the crops get; none: true mels alone")
    crop_s: float = other_default("crop_s", 0.64)
    num_steps: int = other_default("num_steps", 3_000)
    mel_weight: float = setting(1.0, "weight of the mel's L1")
    stft_weight: float = setting(1.0, "weight of the multi-resolution STFT loss")


@dataclass(frozen=True, kw_only=True)
class StreamingSettings(AdversarialSettings):
    """Settings of the streaming network's training."""

    presets: ClassVar = {"mini": {}}

    output: str = other_default("output", "runs/streaming")
    crop_s: float = other_default("crop_s", 1.28)
    num_steps: int = other_default("num_steps", 8_000)
    batch_size: int = other_default("batch_size", 4)
    speech: float = other_default("speech", 0.3)
    music: float = other_default("music", 0.35)
    effects: float = other_default("effects", 0.35)
    magnitude_weight: float = setting(1.0, "weight of the multi-resolution log-magnitude loss")
    level_weight: float = setting(1.0, "weight of the levels of bands: by frame, in 40 ms, and over the crop")
    period_channels: int = setting(0, "first width of the multi-period discriminators (32 in HiFi-GAN); 0: none")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.official_width:
            raise ValueError(
                f"official_width={self.official_width}; this network was published by none: accepted is 0."
            )


@dataclass(frozen=True, kw_only=True)
class EnvelopeSettings(CropSettings):
    """Settings of the envelope predictor's training."""

    presets: ClassVar = {"mini": {}}

    output: str = other_default("output", "runs/envelope")
    num_steps: int = other_default("num_steps", 6_000)
    batch_size: int = other_default("batch_size", 4)
    speech: float = other_default("speech", 0.3)
    music: float = other_default("music", 0.35)
    effects: float = other_default("effects", 0.35)
    hidden_size: int = setting(192, "channels of the network")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.official_width:
            raise ValueError(
                f"official_width={self.official_width}; this network was published by none: accepted is 0."
            )


@dataclass(frozen=True, kw_only=True)
class DAGSettings(TrainingSettings):
    """Settings of DAG's training (arXiv:2210.14661, section 3).

    The paper gives the optimiser, its rate, the batch and the steps. Crops, gains, the moving average and the clipped
    gradient are this package's choice.
    """

    presets: ClassVar = {
        "mini": {},
        "mini-48k": {"sampling_rate": 48_000},
        "paper": {
            "size": "paper",
            "sampling_rate": 48_000,
            "crop_s": 4.0,
            "num_steps": 2_000_000,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "warmup_steps": 0,
            "ema_decay": 0.9999,
        },
        "paper-22k": {
            "size": "paper",
            "sampling_rate": 22_050,
            "crop_s": 4.0,
            "num_steps": 2_000_000,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "warmup_steps": 0,
            "ema_decay": 0.9999,
        },
    }

    output: str = other_default("output", "runs/dag")
    labels: tuple[str, ...] = setting((), "labels to learn; none: all that the recordings have")
    size: str = setting("mini", "widths of the network: mini, or paper for the published ones")
    sampling_rate: int = setting(16_000, "of the audio, in Hz: 16000 or 48000 for mini, 22050 or 48000 for paper")
    num_steps: int = other_default("num_steps", 3_000)
    crop_s: float = other_default("crop_s", 1.0)
    schedule: str = setting("cosine", f"how the learning rate goes on after the warm-up: {' or '.join(SCHEDULES)}")
    label_dropout: float = setting(0.1, "share of the crops that get no label, for guidance")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.size, self.sampling_rate) not in DAG_NETWORKS:
            accepted = ", ".join(f"{size} at {sampling_rate}" for size, sampling_rate in DAG_NETWORKS)
            raise ValueError(f"size={self.size} at sampling_rate={self.sampling_rate}; accepted are {accepted}.")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule={self.schedule}; accepted are {', '.join(SCHEDULES)}.")
        if not 0 <= self.label_dropout <= 1:
            raise ValueError(f"label_dropout={self.label_dropout}; accepted are 0 to 1.")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"labels={' '.join(self.labels)}; each is to be given once.")


@dataclass(frozen=True, kw_only=True)
class AssemblySettings:
    """Where the components are, and the settings that the pipeline gets by default."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "mini": {},
        "paper": {"num_inference_steps": 50, "guidance_scale": 3.5, "window_s": 5.12},
    }

    vae: str = setting("runs/vae/best", "folder of the trained autoencoder")
    ldm: str = setting("runs/ldm/best", "folder of the trained UNet")
    vocoder: str = setting("runs/vocoder/best", "folder of the trained vocoder")
    envelope: str = setting("", "folder of the trained envelope predictor; none: the envelope is the UNet's own")
    output: str = setting("runs/audiosr", "folder of the pipeline")
    num_inference_steps: int = setting(4, "denoising steps")
    guidance_scale: float = setting(1.0, "weight of the guidance")
    eta: float = setting(1.0, "noise added in each step, 0 to 1")
    window_s: float = setting(10.24, "what the UNet sees at a time, in seconds; its training's crops may be shorter")
