"""From the tensors of the official checkpoint to the components of a pipeline."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor, nn

from audiosr_pipeline.convert.checkpoint_file import read_tensors
from audiosr_pipeline.convert.keys import UNET, VAE, VOCODER, official_key, official_shapes
from audiosr_pipeline.convert.report import ConversionReport, UnusedTensors
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.official import build_official_unet, build_official_vae, build_official_vocoder

# The autoencoder a second time: in the reference, this one encodes the condition.
CONDITION = "cond_stage_models.0.vae."
SCALE_FACTOR, SCHEDULE = "scale_factor", "alphas_cumprod"
# For each network the key whose first dimension is its width, and the official width.
WIDTHS = {
    "unet": (f"{UNET}input_blocks.0.0.weight", 128),
    "vae": (f"{VAE}encoder.conv_in.weight", 128),
    "vocoder": (f"{VOCODER}conv_pre.weight", 1_536),
}
# The width of an attention head, the number of groups of a norm, and five halvings in the vocoder.
WIDTH_MULTIPLE = 32
# What no component needs: name, pattern of the keys, reason.
UNUSED = (
    ("model_ema", r"model_ema\.", "running mean of the UNet's weights; the reference samples with the weights as such"),
    (
        "cond_stage_models.0.vae",
        r"cond_stage_models\.0\.vae\.",
        "second autoencoder; but for its encoder, never called",
    ),
    ("clap", r"clap\.", "compares audio and text; never called"),
    ("schedule", r"\w*(alphas_cumprod|betas)\w*$|posterior_\w+$", "follows from the scheduler's settings"),
    ("logvar", r"logvar$", "weighs the training loss"),
    ("first_stage_model.encoder", r"first_stage_model\.", "the condition's encoder, which differs, takes its place"),
)
UNKNOWN = "unknown"
# The stored schedule is the formula in single precision.
SCHEDULE_TOLERANCE = 1e-5
# Quantised weights are numbers without their scales, which such a file has under other names or not at all.
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
NUM_SHOWN = 6


def convert_checkpoint(path: str | Path, dtype: torch.dtype = torch.float32) -> tuple[dict[str, Any], ConversionReport]:
    """Makes the components of a pipeline from the official checkpoint.

    Code in the file is not run. Weights that are stored in `dtype` stay in the file, mapped into memory: it must not be
    changed as long as they are in use.

    Args:
        path: `pytorch_model.bin` as published, or `.safetensors` with the same keys.
        dtype: Of the networks.

    Returns:
        `vae`, `unet`, `vocoder`, `feature_extractor` and `scheduler`; and what was found.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it isn't such a checkpoint; the message names the keys that are missing, unknown, of another
            shape or no floats.
    """
    tensors = read_tensors(path)
    _check_groups(path, tensors)
    _check_dtypes(path, tensors)
    widths = {part: _width(path, key, tensors.get(key)) for part, (key, _) in WIDTHS.items()}
    scale_factor = _scale_factor(path, tensors.get(SCALE_FACTOR))
    networks = _networks(widths, scale_factor)
    keys = {
        part: {name: official_key(part, name) for name, _ in network.named_parameters()}
        for part, network in networks.items()
    }
    encoder = [name for name in keys["vae"] if name.startswith(("encoder.", "quant_conv."))]
    condition = {name: keys["vae"][name].replace(VAE, CONDITION, 1) for name in encoder}
    has_condition = any(key.startswith(CONDITION) for key in tensors)
    shapes = {key: shape for part in keys for key, shape in official_shapes(networks[part], keys[part]).items()}
    if has_condition:
        shapes |= {condition[name]: shapes[keys["vae"][name]] for name in encoder}
    _check_keys(path, tensors, shapes, widths)

    warnings = []
    num_different = None
    if has_condition:
        num_different = sum(not torch.equal(tensors[keys["vae"][name]], tensors[condition[name]]) for name in encoder)
    if num_different:
        keys["vae"] |= condition
        warnings.append(
            f"{num_different} of {len(encoder)} tensors of the condition's encoder differ from the autoencoder's own. "
            "The condition's are used, as in the reference: sampling is the same, but in `vae` the encoder and the "
            "decoder are not those that belong together"
        )
    scheduler, deviation = _scheduler(path, tensors.get(SCHEDULE))
    if scheduler.config.trained_betas is not None:
        warnings.append(
            f"{SCHEDULE} differs from the formula by up to {deviation:.1e} of its value: the stored one is used, as in "
            "the reference"
        )
    used = {SCALE_FACTOR}.union(*(names.values() for names in keys.values()))
    unused = tuple(_unused({key: tensor for key, tensor in tensors.items() if key not in used}))
    if unknown := [group.name for group in unused if group.reason == UNKNOWN]:
        warnings.append(f"not used, and not in the published files: {', '.join(unknown)}")

    for part, network in networks.items():
        _load(network, {name: tensors[key] for name, key in keys[part].items()}, dtype)
    report = ConversionReport(
        path=str(path),
        num_tensors=len(used),
        num_bytes=sum(tensors[key].nbytes for key in used),
        widths=widths,
        scale_factor=scale_factor,
        num_different_encoder_tensors=num_different,
        schedule_deviation=deviation,
        unused=unused,
        warnings=tuple(warnings),
    )
    return {**networks, "feature_extractor": MelFeatureExtractor(), "scheduler": scheduler}, report


def _check_groups(path: str | Path, tensors: dict[str, Tensor]) -> None:
    """Raises ValueError if a whole part of AudioSR is missing."""
    missing = [
        prefix for prefix in (UNET, VAE, VOCODER, SCALE_FACTOR) if not any(key.startswith(prefix) for key in tensors)
    ]
    if missing:
        groups = Counter(key.partition(".")[0] for key in tensors).most_common()
        shown = [f"{name} ({count})" for name, count in groups[:NUM_SHOWN]] + ["..."] * (len(groups) > NUM_SHOWN)
        raise ValueError(
            f"{path}: is no AudioSR checkpoint: it has nothing named {', '.join(missing)}. Its {len(tensors)} tensors "
            f"are {', '.join(shown)}."
        )


def _check_keys(
    path: str | Path, tensors: dict[str, Tensor], shapes: dict[str, tuple[int, ...]], widths: dict[str, int]
) -> None:
    """Raises ValueError if a key of `shapes` is missing or of another shape, or if there are others beside them."""
    problems = [
        f"{key} has shape {tuple(tensors[key].shape)} instead of {shape}" if key in tensors else f"{key} is missing"
        for key, shape in shapes.items()
        if key not in tensors or tensors[key].shape != shape
    ]
    problems += [f"{key} is unknown" for key in tensors if key.startswith((UNET, VAE)) and key not in shapes]
    if problems:
        more = f"; and {len(problems) - NUM_SHOWN} more" if len(problems) > NUM_SHOWN else ""
        found = ", ".join(f"{part} {widths[part]} (officially {official})" for part, (_, official) in WIDTHS.items())
        raise ValueError(
            f"{path}: isn't built as AudioSR is. Keys that don't fit ({len(problems)}): "
            f"{'; '.join(problems[:NUM_SHOWN])}{more}. Expected is the official structure at "
            f"the file's own widths: {found}."
        )


def _check_dtypes(path: str | Path, tensors: dict[str, Tensor]) -> None:
    """Raises ValueError if tensors that the components need hold anything but plain floats of 16 bits or more."""
    others = [
        f"{key} is {_kind(tensor)}"
        for key, tensor in tensors.items()
        if key.startswith((UNET, VAE, CONDITION, SCALE_FACTOR, SCHEDULE))
        and (tensor.dtype not in DTYPES or tensor.layout != torch.strided or tensor.is_meta)
    ]
    if others:
        more = f"; and {len(others) - NUM_SHOWN} more" if len(others) > NUM_SHOWN else ""
        raise ValueError(
            f"{path}: {'; '.join(others[:NUM_SHOWN])}{more}. Accepted are {', '.join(map(_dtype_name, DTYPES))}, not "
            "sparse and with their values: pass the checkpoint as it was before it was quantised or stripped."
        )


def _kind(tensor: Tensor) -> str:
    """What is wrong with a tensor that isn't a plain one of `DTYPES`."""
    if tensor.is_meta:
        return "without values"
    return _dtype_name(tensor.layout if tensor.layout != torch.strided else tensor.dtype)


def _dtype_name(dtype: torch.dtype | torch.layout) -> str:
    """Without "torch."."""
    return str(dtype).removeprefix("torch.")


def _width(path: str | Path, key: str, tensor: Tensor | None) -> int:
    """The first dimension of a tensor, which is the width of a network."""
    width = tensor.shape[0] if tensor is not None and tensor.dim() else 0
    if width == 0 or width % WIDTH_MULTIPLE:
        found = "is missing" if tensor is None else f"has shape {tuple(tensor.shape)}"
        raise ValueError(f"{path}: {key} {found}; accepted as its first dimension are multiples of {WIDTH_MULTIPLE}.")
    return width


def _scale_factor(path: str | Path, tensor: Tensor | None) -> float:
    """The one number in a tensor."""
    if tensor is None or tensor.numel() != 1 or not 0 < float(tensor) < float("inf"):
        found = "missing" if tensor is None else tensor.tolist()
        raise ValueError(f"{path}: {SCALE_FACTOR} is {found}; accepted is one number above 0.")
    return float(tensor)


def _networks(widths: dict[str, int], scale_factor: float) -> dict[str, nn.Module]:
    """The networks, without memory for their weights."""
    with torch.device("meta"):
        vae = build_official_vae(widths["vae"], scale_factor)
        unet = build_official_unet(widths["unet"])
        vocoder = build_official_vocoder(widths["vocoder"])
    return {"vae": vae.eval(), "unet": unet.eval(), "vocoder": vocoder.eval()}


def _scheduler(path: str | Path, alphas_cumprod: Tensor | None) -> tuple[DDIMScheduler, float | None]:
    """The scheduler, and how far the stored schedule is from the formula (see `ConversionReport`)."""
    scheduler = DDIMScheduler(
        num_train_timesteps=1_000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        timestep_spacing="leading",
        steps_offset=1,
        rescale_betas_zero_snr=False,
    )
    if alphas_cumprod is None:
        return scheduler, None
    stored, formula = alphas_cumprod.double(), scheduler.alphas_cumprod.double()
    if stored.shape != formula.shape:
        raise ValueError(f"{path}: {SCHEDULE} has shape {tuple(stored.shape)} instead of {tuple(formula.shape)}.")
    deviation = float(((stored - formula).abs() / formula)[:-1].max())
    if not deviation <= SCHEDULE_TOLERANCE:
        betas = 1 - stored / torch.cat([stored.new_ones(1), stored[:-1]])
        if not ((betas >= 0) & (betas <= 1)).all():
            raise ValueError(f"{path}: {SCHEDULE} is no noise schedule; accepted are numbers that fall from 1 to 0.")
        scheduler = DDIMScheduler.from_config(scheduler.config, trained_betas=betas.tolist())
    return scheduler, deviation


def _unused(tensors: dict[str, Tensor]) -> Iterator[UnusedTensors]:
    """The tensors that went into no component, by groups."""
    groups: dict[tuple[str, str], list[Tensor]] = {}
    for key, tensor in tensors.items():
        known = ((name, reason) for name, pattern, reason in UNUSED if re.match(pattern, key))
        groups.setdefault(next(known, (key.partition(".")[0], UNKNOWN)), []).append(tensor)
    for (name, reason), members in groups.items():
        yield UnusedTensors(name, len(members), sum(tensor.nbytes for tensor in members), reason)


def _load(network: nn.Module, tensors: dict[str, Tensor], dtype: torch.dtype) -> None:
    """Puts tensors in the place of a network's parameters, without copying those that have the dtype."""
    state = {name: tensor.reshape(network.get_parameter(name).shape).to(dtype) for name, tensor in tensors.items()}
    # By these SpeechT5HifiGan normalises its input; AudioSR's vocoder takes the mel spectrogram as it is.
    buffers = {"mean": torch.zeros, "scale": torch.ones}
    state |= {name: buffers[name](buffer.shape, dtype=dtype) for name, buffer in network.named_buffers()}
    network.load_state_dict(state, assign=True)
