"""Trains DAG (arXiv:2210.14661): a score network on waveforms, given their labels."""

import logging
from dataclasses import replace
from pathlib import Path

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from audiosr_pipeline.models.dag import DAGModel
from audiosr_pipeline.models.langevin_scheduler import LangevinScheduler
from audiosr_pipeline.pipelines.dag import DAGPipeline
from audiosr_pipeline.training.dataset import crop_generators
from audiosr_pipeline.training.labelled import LabelledCrops, find_labelled
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.settings import DAG_NETWORKS, DAGSettings

logger = logging.getLogger(__name__)


def train_dag(settings: DAGSettings) -> None:
    """Trains the network to predict the noise in crops, at levels drawn as sampling passes through them.

    The loss is the paper's, `|F - z|^2 / 2` (see `DAGModel`); 0.5 is that of a network that knows nothing. What is
    exported is a pipeline, as `generate --model` takes it.

    Raises:
        ValueError: If the network to start from has other labels or another rate. Else as `train` and `find_labelled`.
        OSError: As `train` and `find_labelled`.
        FloatingPointError: As `train`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_labelled(settings.data, settings.licences, settings.labels)
    # In the run's settings, so that it can't go on with others.
    settings = replace(settings, labels=tuple(settings.labels or sorted({each.label for each in recordings})))
    labels = settings.labels
    logger.info("%d recordings of %s", len(recordings), ", ".join(labels))
    model = _network(settings).train()
    scheduler = LangevinScheduler()

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        audio = batch["audio"]
        generators = crop_generators(batch, settings.seed)
        times, kept = torch.stack([torch.rand(2, generator=each) for each in generators]).to(audio.device).unbind(1)
        noise = randn_tensor(audio.shape, generators, audio.device)
        given = torch.where(kept < settings.label_dropout, len(labels), batch["label"])
        with accelerator.autocast():
            predicted = model(scheduler.add_noise(audio, noise, times), scheduler.sigma(times), given)
        return 0.5 * (predicted.float() - noise).square().mean()

    def export(folder: Path) -> None:
        DAGPipeline(model, scheduler).save_pretrained(folder)

    num_samples = round(settings.crop_s * settings.sampling_rate)
    crops = LabelledCrops(recordings, labels, num_samples, settings.sampling_rate, settings.seed)
    train(
        accelerator,
        model,
        loss_of,
        crops,
        held_out,
        settings,
        export,
        make_optimizer=torch.optim.Adam,
        schedule=settings.schedule,
    )


def _network(settings: DAGSettings) -> DAGModel:
    """What training begins with.

    Raises:
        ValueError: If what it is to start from has other labels or another rate.
    """
    names = {str(number): label for number, label in enumerate(settings.labels)}
    if settings.initial:
        model = DAGPipeline.from_pretrained(settings.initial).model
        if model.config.id2label != names or model.config.sampling_rate != settings.sampling_rate:
            raise ValueError(
                f"{settings.initial} has the labels {', '.join(model.config.id2label.values())} at "
                f"{model.config.sampling_rate} Hz, and the run {', '.join(settings.labels)} at "
                f"{settings.sampling_rate} Hz: they have to be the same."
            )
        return model
    widths, strides, num_gru_layers, noise_width = DAG_NETWORKS[settings.size, settings.sampling_rate]
    return DAGModel(
        sampling_rate=settings.sampling_rate,
        num_labels=len(names),
        id2label=names,
        widths=widths,
        strides=strides,
        num_gru_layers=num_gru_layers,
        noise_width=noise_width,
    )
