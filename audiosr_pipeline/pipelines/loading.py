"""Where pipelines come from, and how they are saved: folders, bundled models, the Hub, the official checkpoint."""

import json
import logging
from pathlib import Path
from typing import Any
from weakref import WeakSet

import torch
from diffusers import DiffusionPipeline
from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from typing_extensions import Self

from audiosr_pipeline.convert.components import convert_checkpoint
from audiosr_pipeline.models.dag import DAGModel
from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.langevin_scheduler import LangevinScheduler
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.pipelines.bundled import WEIGHTS
from audiosr_pipeline.pipelines.weight_checks import (
    check_chosen_files,
    check_files,
    check_finite_weights,
    check_vocoder_shapes,
    load_unet_weights,
)

logger = logging.getLogger(__name__)

# diffusers downloads a model from the Hub only if it knows the module of each component (its issue 6563). No classes
# need be listed: ours derive from ones that it lists.
OWN_CLASSES = (MelFeatureExtractor, ISTFTVocoder, EnvelopePredictor, DAGModel, LangevinScheduler)
LOADABLE_CLASSES.update({part.__module__: {} for part in OWN_CLASSES})

# The pipelines of the package.
PIPELINES = {"AudioSRPipeline", "DAGPipeline", "SRCgAudioPipeline"}
# What the fine-tuned models of the package share.
BASE = "audiosr-mini"
# What only unreleased versions had.
OBSOLETE = {"level_patch", "level_predictions", "level_guidance", "detail_gain"}
# Networks whose files were compared with them when they were loaded. What is done to them later is the user's affair.
_CHECKED: WeakSet[torch.nn.Module] = WeakSet()
PIPELINE_FILE = '''"""Lets `DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, ...)` find the class."""

from audiosr_pipeline import {name}

# diffusers runs the files of all such folders in one module, and wants a single class in it.
for other in [each for each, value in globals().items() if isinstance(value, type) and value is not {name}]:
    del globals()[other]

__all__ = ["{name}"]
'''


class LoadablePipeline(DiffusionPipeline):
    """A diffusers pipeline that knows the package's own models and checks the weights that it is given."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> Self:
        """Loads a pipeline; arguments as `DiffusionPipeline.from_pretrained`.

        It comes from a folder if there is one of that name, else from the package if a model of that name ships with
        it, else from the Hub.

        Raises:
            ValueError: If a network's file lacks tensors, holds unknown ones, or such as are NaN or infinite, or of
                other shapes; the message names them. If it is another pipeline of this package, or its folder was
                written by a version before 0.1.0.
        """
        name = str(pretrained_model_name_or_path)
        own = WEIGHTS / name
        is_own = not Path(name).is_dir() and (own / "model_index.json").is_file()
        return cls._load(str(own) if is_own else name, **kwargs)

    @classmethod
    def _load(cls, name: str, **kwargs: Any) -> Self:
        """`DiffusionPipeline.from_pretrained`, with the errors of `from_pretrained`."""
        index = Path(name) / "model_index.json"
        settings = json.loads(index.read_text()) if index.is_file() else {}
        if (other := settings.get("_class_name")) in PIPELINES - {cls.__name__}:
            raise ValueError(f"{name} holds a {other}: load it by {other}.from_pretrained.")
        if found := sorted(OBSOLETE & settings.keys()):
            raise ValueError(
                f"{index}: {', '.join(found)} are settings of a version before 0.1.0, which this one hasn't. Remove "
                "them to load the model without; its results are others then."
            )
        chosen = {"variant": kwargs.get("variant"), "use_safetensors": kwargs.get("use_safetensors")}
        try:
            pipe = super().from_pretrained(name, **kwargs)
        except RuntimeError as error:
            if "ignore_mismatched_sizes" in str(error):
                folder = Path(name if Path(name).is_dir() else cls.download(name, **kwargs))
                check_vocoder_shapes(folder / "vocoder", **chosen)
            raise
        check_chosen_files({part: network for part, network in pipe.components.items() if part not in kwargs}, **chosen)
        return pipe

    def register_to_config(self, **kwargs: Any) -> None:
        """As `ConfigMixin.register_to_config`; what was just loaded is checked.

        `DiffusionPipeline.from_pretrained`, by whose means pipelines are loaded without this class too, ends with
        telling the pipeline where it came from.

        Raises:
            ValueError: See `from_pretrained`.
        """
        super().register_to_config(**kwargs)
        if "_name_or_path" in kwargs:
            networks = {name: part for name, part in self.components.items() if isinstance(part, torch.nn.Module)}
            check_files({name: network for name, network in networks.items() if network not in _CHECKED})
            _CHECKED.update(networks.values())

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        """Saves the pipeline, with a `pipeline.py` by which plain `DiffusionPipeline.from_pretrained` finds the class.

        Arguments as `DiffusionPipeline.save_pretrained`.
        """
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        # Before the rest: with `push_to_hub=True` the folder is uploaded as soon as that is saved.
        (Path(save_directory) / "pipeline.py").write_text(PIPELINE_FILE.format(name=type(self).__name__))
        super().save_pretrained(str(save_directory), **kwargs)


class LoadableAudioSR(LoadablePipeline):
    """What is loaded of AudioSR alone: models that share all but a network, and the official checkpoint."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> Self:
        """As `LoadablePipeline.from_pretrained`; the package's own are "audiosr-mini" and "audiosr-mini-speech"."""
        name = str(pretrained_model_name_or_path)
        own = WEIGHTS / name
        if Path(name).is_dir() or not (own / "unet").is_dir() or (own / "model_index.json").is_file():
            return super().from_pretrained(name, **kwargs)
        # Fine-tuned: the UNet's weights are its own. Copied in, they take the dtype and the device asked for.
        pipe = cls._load(str(WEIGHTS / BASE), **kwargs)
        if "unet" not in kwargs:
            load_unet_weights(pipe.unet, own / "unet" / SAFETENSORS_WEIGHTS_NAME)
            check_finite_weights({"unet": pipe.unet})
        pipe.register_to_config(_name_or_path=str(own))
        return pipe

    @classmethod
    def from_single_file(
        cls,
        path: str | Path,
        dtype: torch.dtype | None = None,
        torch_dtype: torch.dtype | None = None,
        **kwargs: Any,
    ) -> Self:
        """Loads the official checkpoint, converted in memory. What was found in it is logged.

        Args:
            path: `pytorch_model.bin` as published, or `.safetensors` with the same keys. It must not be changed while
                the pipeline is in use: weights stay in the file until they are needed.
            dtype: Of the networks; None is float32.
            torch_dtype: Its old name.
            **kwargs: Components and settings to use instead of the checkpoint's, as for the constructor.

        Raises:
            OSError: If the file can't be read.
            ValueError: If it isn't such a checkpoint; the message says what it is. If its weights are NaN or infinite.
        """
        components, report = convert_checkpoint(path, dtype or torch_dtype or torch.float32)
        logger.info("%s", report)
        for warning in report.warnings:
            logger.warning("%s: %s", path, warning)
        pipe = cls(**{**components, **kwargs})
        pipe.register_to_config(_name_or_path=str(path))
        return pipe
