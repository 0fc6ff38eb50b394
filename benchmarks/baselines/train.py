"""Trains the baselines, with the loop, the crops and the low-passes that AudioSR's parts are trained with.

    python -m benchmarks.baselines.train nvsr-resunet --data DIR --output runs/nvsr-resunet

What is in `OUTPUT/best` is a system for `benchmarks.table1`. The preset `paper` trains the published sizes.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import torch
from diffusers import ModelMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain
from audiosr_pipeline.cli.options.train import add_part
from audiosr_pipeline.cli.program import Parser
from audiosr_pipeline.cli.train import carry_out, settings_of
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.training.cliff import continue_band
from audiosr_pipeline.training.dataset import crop_generators, find_recordings, training_crops
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.settings import CropSettings, other_default, setting
from benchmarks.baselines.nu_wave import NUWave, sampling_scheduler, training_levels
from benchmarks.baselines.nvsr import NVSRDNN, NVSRResUNet

WIDTH = "first width as published (NVSR-DNN: 512, NVSR-ResUNet: 32, NU-Wave: 64) of a network as deep; 0: mini"
MINI = {NVSRDNN: {"width": 256}, NVSRResUNet: {"width": 8, "num_blocks": 1}, NUWave: {"width": 16, "num_layers": 10}}

# For the statistics of their batch norms.
NUM_NORM_BATCHES = 30
# Crops and learning rate of VoiceFixer, whose code NVSR's authors built theirs on.
NVSR_PAPER = {"num_steps": 500_000, "learning_rate": 5e-4, "batch_size": 24, "crop_s": 3.0}


@dataclass(frozen=True, kw_only=True)
class BaselineSettings(CropSettings):
    """Settings of a baseline's training."""

    official_width: int = setting(0, WIDTH)
    num_steps: int = other_default("num_steps", 1_000)
    crop_s: float = other_default("crop_s", 1.28)


@dataclass(frozen=True, kw_only=True)
class NVSRDNNSettings(BaselineSettings):
    """Settings of NVSR-DNN's training."""

    presets: ClassVar = {"mini": {}, "paper": {"official_width": 512, **NVSR_PAPER}}

    output: str = other_default("output", "runs/nvsr-dnn")


@dataclass(frozen=True, kw_only=True)
class NVSRResUNetSettings(BaselineSettings):
    """Settings of NVSR-ResUNet's training."""

    presets: ClassVar = {"mini": {}, "paper": {"official_width": 32, **NVSR_PAPER}}

    output: str = other_default("output", "runs/nvsr-resunet")


@dataclass(frozen=True, kw_only=True)
class NUWaveSettings(BaselineSettings):
    """Settings of NU-Wave's training. Published are crops of 32,768 samples."""

    presets: ClassVar = {
        "mini": {},
        "paper": {
            "official_width": 64,
            "num_steps": 500_000,
            "learning_rate": 3e-5,
            "batch_size": 36,
            "crop_s": 32_768 / 48_000,
            "sampling_share": 0.0,
        },
    }

    output: str = other_default("output", "runs/nu-wave")
    crop_s: float = other_default("crop_s", 0.32)
    sampling_share: float = setting(1.0, "share of the crops whose noise is that of one of the eight steps of sampling")


def build(network: type[ModelMixin], settings: CropSettings) -> ModelMixin:
    """The network that training begins with."""
    if settings.initial:
        return network.from_pretrained(settings.initial)
    return network(width=settings.official_width) if settings.official_width else network(**MINI[network])


def train_mel_predictor(settings: CropSettings, network: type[ModelMixin]) -> None:
    """Trains with the L1 distance of the log-mels; the truth's is continued to full band, as for AudioSR's diffusion.

    Raises:
        As `train` and `find_recordings`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    feature_extractor = MelFeatureExtractor()
    model = build(network, settings).to(memory_format=torch.channels_last)

    # With a seed of their own: other crops than those of the steps.
    others = training_crops(replace(settings, seed=settings.seed + 1), recordings)
    norm_inputs = [
        feature_extractor(torch.stack([others[first + index]["lowpassed"] for index in range(settings.batch_size)]))
        for first in range(0, NUM_NORM_BATCHES * settings.batch_size, settings.batch_size)
    ]

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        mel, lowpassed = feature_extractor(torch.cat([batch["audio"], batch["lowpassed"]])).chunk(2)
        mel = torch.stack([continue_band(clip, feature_extractor.log_floor) for clip in mel])
        # Its batch norms mustn't learn from the crops that validate it.
        model.train(torch.is_grad_enabled())
        with accelerator.autocast():
            predicted = model(lowpassed).float()
        return (predicted - mel).abs().mean()

    crops = training_crops(settings, recordings)
    train(accelerator, model, loss_of, crops, held_out, settings, model.save_pretrained, norm_inputs=norm_inputs)


def train_nu_wave(settings: NUWaveSettings) -> None:
    """Trains with the logarithm of the L1 distance of the noise, at noise levels that lie anywhere in the schedule.

    Of a thousand levels so drawn, as published, six are below that of the sampling's fourth last step, where quiet
    highs are made. So a share of the crops has the levels of sampling alone, each as often: short runs need it.

    Raises:
        As `train` and `find_recordings`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    model = build(NUWave, settings).train()
    levels, sampled = training_levels(), sampling_scheduler().alphas_cumprod.sqrt()

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        audio = batch["audio"]
        generators = crop_generators(batch, settings.seed)
        # Between the ends of a step drawn at random, uniformly.
        steps = torch.stack([torch.randint(1, len(levels), (), generator=g) for g in generators])
        positions = torch.stack([torch.rand((), generator=g) for g in generators])
        level = torch.lerp(levels[steps], levels[steps - 1], positions)
        # Spread evenly over the steps, and over the share.
        step_of_sampling = batch["index"].cpu() % len(sampled)
        is_sampled = torch.stack([torch.rand((), generator=g) for g in generators]) < settings.sampling_share
        level = torch.where(is_sampled, sampled[step_of_sampling], level).to(audio.device)
        noise = randn_tensor(audio.shape, generators, audio.device)
        noisy = level[:, None] * audio + (1 - level[:, None].square()).sqrt() * noise
        with accelerator.autocast():
            predicted = model(noisy, batch["lowpassed"], level).float()
        return (predicted - noise).abs().mean(dim=-1).clamp(min=1e-20).log().mean()

    crops = training_crops(settings, recordings)
    train(accelerator, model, loss_of, crops, held_out, settings, model.save_pretrained)


def main(argv: Sequence[str] | None = None) -> int:
    """Trains a baseline; exit codes as `audiosr-pipeline train`."""
    parser = Parser(prog="python -m benchmarks.baselines.train", description=__doc__.partition("\n")[0])
    parts = parser.add_subparsers(required=True, metavar="BASELINE")
    add_part(parts, "nvsr-dnn", NVSRDNNSettings, "train NVSR's perceptron")
    add_part(parts, "nvsr-resunet", NVSRResUNetSettings, "train NVSR's UNet")
    add_part(parts, "nu-wave", NUWaveSettings, "train NU-Wave")
    trainers: dict[str, Callable[[Any], None]] = {
        "nvsr-dnn": partial(train_mel_predictor, network=NVSRDNN),
        "nvsr-resunet": partial(train_mel_predictor, network=NVSRResUNet),
        "nu-wave": train_nu_wave,
    }
    try:
        arguments = parser.parse_args(argv)
        return carry_out(trainers[arguments.part], settings_of(arguments))
    except UsageError as error:
        complain(str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())
