"""Runs the published `audiosr` package, 0.0.7, beside current libraries: `python -m benchmarks.reference_shim`.

Only for the environment that `benchmarks.reference_environment` makes. The package is installed without what it
depends on, since the versions it asks for can't be installed beside ours. The networks, the sampler and all of the
signal processing are the package's own. In its place stand:

- modules that it imports and doesn't use when it runs: `STAND_INS`, and the class of CLAP, which it builds and never
  calls. Without them it takes less memory than as published;
- `torchaudio`, by which it reads the file: soundfile reads it, at 48 kHz already, which needs no resampling;
- the download of the checkpoint: a file;
- random draws: `torch.randn` gives noise that depends on its place in the order alone, so that ours can be the same.
  The draw of the condition's posterior gives zeros, its mode, which is the condition in our pipeline. The low-pass
  filter, which it also draws, is the paper's order-8 Chebyshev.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import soundfile
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.measuring import WARM_UP_STEPS, peak_memory, timed
from tests.official import SCALE_FACTOR, normal, recipe_weight

STAND_INS = (
    "audiosr.clap",
    "audiosr.latent_diffusion.modules.audiomae",
    "audiosr.latent_diffusion.modules.phoneme_encoder",
    "audiosr.utilities.data",
    "progressbar",
    "torchaudio",
    "torchvision",
    "transformers",
)
# First channels of UNet, autoencoder and vocoder.
WIDTHS = {"reduced": (32, 32, 64), "official": (128, 128, 1_536)}
GUIDANCE_SCALE = 3.5
SECOND_AUTOENCODER, AUTOENCODER = "cond_stage_models.0.vae.", "first_stage_model."


class StandIns(MetaPathFinder, Loader):
    """Finds the modules in `STAND_INS`: whatever is imported from them is an empty class."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A spec that this finder loads itself, of the modules in `STAND_INS` and below."""
        is_stood_in_for = any(f"{fullname}.".startswith(f"{name}.") for name in STAND_INS)
        return ModuleSpec(fullname, self, is_package=True) if is_stood_in_for else None

    def exec_module(self, module: ModuleType) -> None:
        """Lets the module make a class of whatever name is asked for."""

        def empty_class(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

        module.__getattr__ = empty_class  # type: ignore[method-assign]


class NoClap(nn.Module):
    """In the place of CLAP: takes its arguments and holds nothing."""

    def __init__(self, **kwargs: Any):
        super().__init__()


def import_package(widths: str) -> dict[str, Any]:
    """Imports the package with its stand-ins, sets the vocoder's width, and returns the package's configuration."""
    sys.meta_path.insert(0, StandIns())
    import audiosr.pipeline
    import audiosr.utilities.model as vocoder_module
    import audiosr.utils
    from audiosr.latent_diffusion.models import ddpm

    unet_width, vae_width, vocoder_width = WIDTHS[widths]
    vocoder_config = vocoder_module.get_vocoder_config_48k() | {"upsample_initial_channel": vocoder_width}
    vocoder_module.get_vocoder_config_48k = lambda: vocoder_config
    ddpm.CLAPAudioEmbeddingClassifierFreev2 = NoClap
    audiosr.utils.torchaudio.load = read_48_khz
    audiosr.utils.torchaudio.functional = ModuleType("functional")
    audiosr.utils.torchaudio.functional.resample = lambda audio, rate, new_rate: audio
    config = audiosr.pipeline.default_audioldm_config()
    parameters = config["model"]["params"]
    condition = parameters["cond_stage_config"]["concat_lowpass_cond"]["params"]
    parameters["unet_config"]["params"]["model_channels"] = unet_width
    for autoencoder in (parameters["first_stage_config"], condition["first_stage_config"]):
        autoencoder["params"]["ddconfig"]["ch"] = vae_width
    return config


def read_48_khz(path: str) -> tuple[Tensor, int]:
    """What `torchaudio.load` returns: `(channels, num_samples)` and the sampling rate, which must be 48 kHz."""
    audio, sampling_rate = soundfile.read(path, dtype="float32", always_2d=True)
    if sampling_rate != 48_000:
        raise ValueError(
            f"{path}: is at {sampling_rate} Hz; pass a file at 48000 Hz, the package's resampler is absent."
        )
    return torch.from_numpy(audio.T.copy()), sampling_rate


def save_random_checkpoint(path: Path, widths: str) -> None:
    """Writes what the package's own model has to be loaded with, weights made by the recipe in `tests/official.py`."""
    config = import_package(widths)
    from audiosr.latent_diffusion.models.ddpm import LatentDiffusion

    model = LatentDiffusion(**config["model"]["params"], device="cpu")
    tensors = model.state_dict()
    for key, tensor in tensors.items():
        if key.startswith(("model.diffusion_model.", AUTOENCODER, SECOND_AUTOENCODER)):
            tensor.copy_(recipe_weight(key.replace(SECOND_AUTOENCODER, AUTOENCODER), tensor.shape))
    tensors["scale_factor"].fill_(SCALE_FACTOR)
    torch.save({"state_dict": tensors}, path)


def named_noise(num_steps: int) -> Callable[..., Tensor]:
    """What stands for `torch.randn`: the draws of one run in their order."""

    def draws() -> Iterator[Callable[[tuple[int, ...]], Tensor]]:
        # The mel spectrogram before the low-pass is encoded too, for its shape.
        yield torch.zeros
        yield torch.zeros
        for name in ("noise/x_T", *(f"noise/step_{step}" for step in range(num_steps))):
            yield partial(normal, name)

    remaining = draws()
    return lambda shape, device=None: next(remaining)(tuple(shape))


def run(checkpoint: Path, audio: Path, widths: str, num_steps: int, output: Path) -> dict[str, Any]:
    """Super-resolves a file, and saves what it computed on the way.

    Returns:
        CPU-seconds in all and by step, without loading and a short run before, and the process's peak memory in bytes.
    """
    config = import_package(widths)
    import audiosr.pipeline

    audiosr.pipeline.download_checkpoint = lambda name: str(checkpoint)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        # The package reads YAML, of which JSON is a part.
        json.dump(config, file)
        file.flush()
        model = audiosr.pipeline.build_model(config=file.name, device="cpu")
    np.random.choice = lambda filters: "cheby1"  # type: ignore[assignment]
    seconds: dict[str, float] = {}
    kept: dict[str, Tensor] = {}
    decode, replace, vocode = model.decode_first_stage, model.mel_replace_ops, model.mel_spectrogram_to_waveform

    def decode_and_keep(latents: Tensor) -> Tensor:
        mel = decode(latents)
        kept.update(latents=latents, mel=mel.clone())
        return mel

    def replace_and_keep(mel: Tensor, lowpass_mel: Tensor) -> Tensor:
        replaced = replace(mel, lowpass_mel)
        kept.update(lowpass_mel=lowpass_mel, replaced_mel=replaced.clone())
        return replaced

    def vocode_and_keep(mel: Tensor, **kwargs: Any) -> np.ndarray:
        waveform = vocode(mel, **kwargs)
        kept["waveform"] = torch.from_numpy(waveform.copy())
        return waveform

    steps = {
        (audiosr.pipeline, "make_batch_for_super_resolution"): "preprocess",
        (model, "get_input"): "encode",
        (model, "sample_log"): "denoise",
        (model, "decode_first_stage"): "decode",
        (model, "mel_spectrogram_to_waveform"): "vocode",
        (model, "postprocessing"): "replace_low_band",
        (audiosr.pipeline, "super_resolution"): "all",
    }
    model.decode_first_stage, model.mel_replace_ops = decode_and_keep, replace_and_keep
    model.mel_spectrogram_to_waveform = vocode_and_keep
    for (owner, name), step in steps.items():
        setattr(owner, name, timed(getattr(owner, name), step, seconds, time.process_time))
    for steps_of_run in (WARM_UP_STEPS, num_steps):
        torch.randn = named_noise(steps_of_run)
        seconds.clear()
        audiosr.pipeline.super_resolution(model, str(audio), ddim_steps=steps_of_run, guidance_scale=GUIDANCE_SCALE)
    save_file({name: tensor.contiguous() for name, tensor in kept.items()}, output)
    return {"seconds": seconds, "peak_bytes": peak_memory()}


def main() -> None:
    """Writes a checkpoint or runs one. The last line that is printed says what was found, in JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reference_shim", description="Runs audiosr 0.0.7.")
    parser.add_argument("action", choices=["save", "run"])
    parser.add_argument("--checkpoint", type=Path, required=True, help="written or read")
    parser.add_argument("--widths", choices=list(WIDTHS), default="official")
    parser.add_argument("--audio", type=Path, help="file at 48 kHz")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--output", type=Path, help="safetensors file for what was computed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    if arguments.action == "save":
        save_random_checkpoint(arguments.checkpoint, arguments.widths)
    else:
        found = run(arguments.checkpoint, arguments.audio, arguments.widths, arguments.steps, arguments.output)
    print(json.dumps(found | {"num_bytes": arguments.checkpoint.stat().st_size}))


if __name__ == "__main__":
    main()
