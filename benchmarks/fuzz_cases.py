"""Calls of `AudioSRPipeline` that a seed draws: any audio in any form, with any settings, good and bad ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import diffusers
import numpy as np
import torch

from audiosr_pipeline.audio_io import write_audio

RATES = (4_000, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000, 384_000)
# By name, the class and what its configuration differs in; all take v-prediction.
SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}),
    "DPM-Solver++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "DPM-Solver++ SDE": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "DEIS": ("DEISMultistepScheduler", {}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "Heun": ("HeunDiscreteScheduler", {}),
    "LMS": ("LMSDiscreteScheduler", {}),
    "KDPM2": ("KDPM2DiscreteScheduler", {}),
    "KDPM2 ancestral": ("KDPM2AncestralDiscreteScheduler", {}),
    "PNDM": ("PNDMScheduler", {}),
    "DDPM": ("DDPMScheduler", {}),
    "LCM": ("LCMScheduler", {}),
    "DPM single step": ("DPMSolverSinglestepScheduler", {}),
}
# DDIM is what checkpoints come with; the KDPM2's take a second to set their timesteps.
SCHEDULER_WEIGHTS = np.array([{"DDIM": 14, "KDPM2": 0.1, "KDPM2 ancestral": 0.1}.get(name, 1) for name in SCHEDULERS])
CONTENTS = (
    *("white noise", "pink noise", "tone", "chirp", "clicks", "one sample", "constant", "silence", "near silence"),
    *("noise with a silent passage", "noise beside silence", "band-limited noise", "square wave", "noise and constant"),
)
FORMS = ("1-D", "2-D", "3-D", "list of 1-D", "list of channels", "dict", "dict with a list", "output object", "path")
DTYPES = ("float32", "float64", "float16", "int16", "int32", "uint8", "int16 big-endian", "float32 big-endian")
TENSOR_DTYPES = ("float32", "float64", "float16", "bfloat16", "int16", "int32", "uint8")
# What no call may accept, by name: each changes a good call. Those of audio are in `_spoilt`.
BAD_SETTINGS: dict[str, dict[str, Any]] = {
    "no steps": {"num_inference_steps": 0},
    "half a step": {"num_inference_steps": 1.5},
    "guidance below 0": {"guidance_scale": -1.0},
    "guidance NaN": {"guidance_scale": float("nan")},
    "eta above 1": {"eta": 1.5},
    "cutoff NaN": {"cutoff_freq": float("nan")},
    "cutoff at 0": {"cutoff_freq": 0.0},
    "cutoff above Nyquist": {"cutoff_freq": 1e6},
    "unknown on_full_band": {"on_full_band": "maybe"},
    "unknown output_type": {"output_type": "mp3"},
    "seed for a generator": {"generator": 7},
    "latents of 3 axes": {"latents": torch.zeros(1, 2, 3)},
    "unknown tensor": {"callback_on_step_end_tensor_inputs": ["noise"]},
    "no rate": {"sampling_rate": None},
    "rate 0": {"sampling_rate": 0},
    "rate NaN": {"sampling_rate": float("nan")},
    "huge rate": {"sampling_rate": 10**400},
    "rate as text": {"sampling_rate": "16000"},
}
BAD_AUDIO = ("NaN", "infinite", "empty", "empty list", "complex", "booleans", "int64", "4-D", "text", "transposed")


@dataclass
class Case:
    """One call, and what is known of it.

    Attributes:
        number: In the stream of its seed.
        audio: What is passed.
        arguments: Of the call, but for the generator.
        clips: What is passed, clip by clip: `(channels, num_samples)`, float32; empty if it is to be refused.
        sampling_rate: Of the clips.
        flat: Whether the clips are passed as 1-D.
        seeds: Of the generators: one for each clip, one for all in a list of one; empty for none.
        one_generator: Whether there is one generator for all.
        scheduler: Key of `SCHEDULERS`.
        is_bad: Whether no call may accept it.
        is_loud: Whether a warning that the samples may be integers is right.
        kinds: What it is, by the names of what was drawn.
    """

    number: int
    audio: Any
    arguments: dict[str, Any]
    clips: list[np.ndarray]
    sampling_rate: int
    flat: bool
    seeds: list[int]
    one_generator: bool
    scheduler: str
    is_bad: bool = False
    is_loud: bool = False
    kinds: dict[str, str] = field(default_factory=dict)

    def generator(self) -> torch.Generator | list[torch.Generator] | None:
        """New generators, the same each time."""
        if not self.seeds:
            return None
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        return generators[0] if self.one_generator else generators


class AudioOutput(dict):
    """An output object as diffusers' pipelines return it."""

    def __init__(self, audios: Any):
        super().__init__(audios=audios)
        self.audios = audios


def draw_case(seed: int, number: int, folder: str, longest_s: float = 0.3) -> Case:
    """Case `number` of the stream of `seed`; each is a function of both alone.

    Args:
        seed: Of the stream.
        number: Of the case, from 0.
        folder: Where audio files go.
        longest_s: Of most clips, in seconds; one in fifty is up to six times as long.
    """
    rng = np.random.default_rng([seed, number])

    def one_of(options: Any) -> Any:
        return options[rng.integers(len(options))]

    sampling_rate = int(one_of(RATES)) if rng.random() < 0.85 else int(rng.integers(4_000, 384_001))
    form = one_of(FORMS)
    content = one_of(CONTENTS)
    num_samples = _draw_length(rng, sampling_rate, longest_s)
    num_channels, num_clips = int(rng.choice([1, 2, 3, 8], p=[0.35, 0.5, 0.1, 0.05])), 1
    if form in ("1-D", "2-D", "list of 1-D"):
        num_channels = 1
    if form not in ("1-D", "dict", "path"):
        num_clips = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    lengths = [num_samples] * num_clips
    if form.startswith("list") or form == "dict with a list":
        lengths = [max(1, round(num_samples * factor)) for factor in rng.choice([1, 1, 0.5, 0.93], num_clips)]
    if form in ("2-D", "3-D", "output object"):
        # An axis order is never guessed: there is at least a sample for each clip or channel.
        lengths = [max(num_samples, num_clips, num_channels)] * num_clips
    lengths = [max(length, num_channels) for length in lengths]
    relation = one_of(("independent", "equal", "opposite", "panned")) if num_channels > 1 else "mono"
    level = float(rng.choice([10 ** rng.uniform(-4, 0), 10 ** rng.uniform(-9, 4)], p=[0.8, 0.2]))
    clips = [_draw_clip(rng, content, num_channels, length, sampling_rate, relation) * level for length in lengths]
    is_tensor = form not in ("path",) and rng.random() < 0.4
    dtype = "float32" if form == "path" else one_of(TENSOR_DTYPES if is_tensor else DTYPES)
    pairs = [_as_dtype(clip.astype(np.float32), dtype) for clip in clips]
    passed: list[Any] = [pair[0] for pair in pairs]
    clips = [pair[1] for pair in pairs]
    if is_tensor:
        passed = [torch.from_numpy(clip) for clip in passed]
        if dtype == "bfloat16":
            passed = [clip.bfloat16() for clip in passed]
            clips = [clip.float().numpy() for clip in passed]
    case = Case(
        number=number,
        audio=None,
        arguments={},
        clips=[np.asarray(clip, np.float32) for clip in clips],
        sampling_rate=sampling_rate,
        flat=form in ("1-D", "2-D", "list of 1-D") or (num_channels == 1 and form == "path"),
        seeds=[],
        one_generator=False,
        scheduler=str(rng.choice(list(SCHEDULERS), p=SCHEDULER_WEIGHTS / SCHEDULER_WEIGHTS.sum())),
        # Half and whole scale of what `inputs.py` takes for usual: near it, either is right.
        is_loud=max(float(np.abs(clip).max()) for clip in clips) > 16,
    )
    case.kinds = {
        "form": form,
        "container": "tensor" if is_tensor else "file" if form == "path" else "array",
        "dtype": dtype,
        "content": content,
        "channels": f"{num_channels}" if num_channels == 1 else f"{num_channels}, {relation}",
        "rate": f"{sampling_rate}" if sampling_rate in RATES else "any other",
        "length": _length_kind(lengths[0] / sampling_rate),
        "level": f"10^{round(np.log10(level))}",
        "scheduler": case.scheduler,
    }
    case.audio, rate = _in_form(form, passed, sampling_rate, f"{folder}/{number}.wav")
    case.arguments = {"sampling_rate": rate, **_draw_settings(rng, case, num_clips)}
    if rng.random() < 0.12:
        _spoil(rng, case)
    return case


def _draw_length(rng: np.random.Generator, sampling_rate: int, longest_s: float) -> int:
    """Mostly whatever fits; also next to nothing, and next to the borders of the networks' frames."""
    draw = rng.random()
    if draw < 0.12:
        return int(rng.integers(1, 12))
    if draw < 0.27:
        # A latent's frame is 80 ms long, the UNet's multiple of it four times that.
        return max(1, round(sampling_rate * 0.08 * int(rng.integers(1, 6))) + int(rng.integers(-2, 3)))
    if draw < 0.29:
        return int(rng.integers(1, round(6 * longest_s * sampling_rate)))
    return int(rng.integers(1, round(longest_s * sampling_rate)))


def _length_kind(seconds: float) -> str:
    names = {0.001: "below 1 ms", 0.02: "to 20 ms", 0.1: "to 0.1 s", 0.5: "to 0.5 s"}
    return next((name for longest, name in names.items() if seconds < longest), "longer")


def _draw_clip(
    rng: np.random.Generator, content: str, num_channels: int, num_samples: int, sampling_rate: int, relation: str
) -> np.ndarray:
    """Waveforms `(num_channels, num_samples)` of a kind, most with a peak of about 1."""
    first = _draw_channel(rng, content, num_samples, sampling_rate)
    others = num_channels - 1
    if relation == "equal":
        rows = [first] * num_channels
    elif relation == "opposite":
        rows = [first * (-1) ** index for index in range(num_channels)]
    elif relation == "panned":
        rows = [first, *(first * rng.uniform(0.01, 1) for _ in range(others))]
    else:
        rows = [first, *(_draw_channel(rng, content, num_samples, sampling_rate) for _ in range(others))]
    if content == "noise beside silence" and num_channels > 1:
        rows[-1] = 0 * first
    return np.stack(rows)


def _draw_channel(rng: np.random.Generator, content: str, num_samples: int, sampling_rate: int) -> np.ndarray:
    time = np.arange(num_samples) / sampling_rate
    white = 0.25 * rng.standard_normal(num_samples)

    def shaped(gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        spectrum = np.fft.rfft(white) * gain(np.fft.rfftfreq(num_samples, 1 / sampling_rate))
        return np.fft.irfft(spectrum, n=num_samples)

    if content == "pink noise":
        return 3 * shaped(lambda frequency: (1 + frequency / 50) ** -0.5)
    if content == "band-limited noise":
        edge = rng.uniform(500, sampling_rate / 2)
        return shaped(lambda frequency: (frequency < edge).astype(float))
    if content == "tone":
        return np.sin(2 * np.pi * rng.uniform(20, sampling_rate / 2) * time)
    if content == "chirp":
        return np.sin(2 * np.pi * time**2 * sampling_rate / (4 * max(time[-1], 1 / sampling_rate)))
    if content == "square wave":
        return np.where(np.sin(2 * np.pi * rng.uniform(20, 2_000) * time) >= 0, 1.0, -1.0)
    if content == "clicks":
        return (rng.random(num_samples) < 20 / sampling_rate).astype(float)
    if content == "one sample":
        return (np.arange(num_samples) == rng.integers(num_samples)).astype(float)
    if content == "constant":
        return np.full(num_samples, rng.uniform(-1, 1))
    if content == "silence":
        return np.zeros(num_samples)
    if content == "near silence":
        return 1e-7 * white
    if content == "noise and constant":
        return 0.01 * white + rng.uniform(-1, 1)
    if content == "noise with a silent passage":
        start, stop = np.sort(rng.integers(0, num_samples + 1, 2))
        white[start:stop] = 0
    return white


def _as_dtype(clip: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """A clip in a dtype, and the float32 values that it stands for."""
    if dtype in ("int16", "int32", "uint8", "int16 big-endian"):
        bits = {"int16": 16, "int32": 32, "uint8": 8, "int16 big-endian": 16}[dtype]
        scale, offset = 2.0 ** (bits - 1), 128 if dtype == "uint8" else 0
        steps = np.clip(np.rint(clip.astype(np.float64) * scale), -scale, scale - 1)
        passed = (steps + offset).astype({"int16 big-endian": ">i2"}.get(dtype, dtype))
        return passed, (steps / scale).astype(np.float32)
    # Beyond its range a narrow float is infinite, which is another kind of case.
    limited = np.clip(clip, -6e4, 6e4) if dtype == "float16" else clip
    passed = limited.astype({"float32 big-endian": ">f4", "bfloat16": "float32"}.get(dtype, dtype))
    return passed, passed.astype(np.float32)


def _in_form(form: str, clips: list[Any], sampling_rate: int, path: str) -> tuple[Any, int | None]:
    """What is passed as the audio, and as the rate."""
    stack = torch.stack if isinstance(clips[0], torch.Tensor) else np.stack
    flat = [clip[0] for clip in clips]
    if form == "1-D":
        return flat[0], sampling_rate
    if form == "2-D":
        return stack(flat), sampling_rate
    if form in ("3-D", "output object"):
        audio = stack(clips)
        return (AudioOutput(audio) if form == "output object" else audio), sampling_rate
    if form == "list of 1-D":
        return flat, sampling_rate
    if form == "dict":
        return {"audio": clips[0], "sampling_rate": sampling_rate}, None
    if form == "dict with a list":
        return {"audio": clips, "sampling_rate": sampling_rate}, None
    if form == "path":
        write_audio(path, np.asarray(clips[0]), sampling_rate, "FLOAT")
        return path, None
    return clips, sampling_rate


def _draw_settings(rng: np.random.Generator, case: Case, num_clips: int) -> dict[str, Any]:
    """Arguments within what is documented."""
    settings: dict[str, Any] = {}
    if rng.random() < 0.7:
        settings["num_inference_steps"] = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    if rng.random() < 0.3:
        settings["guidance_scale"] = float(rng.choice([0.0, 0.5, 1.0, 1.2, 3.5]))
    if case.scheduler == "DDIM" and rng.random() < 0.4:
        settings["eta"] = float(rng.choice([0.0, 0.5, 1.0]))
    highest = min(case.sampling_rate, 48_000) / 2
    if highest > 1_001 and rng.random() < 0.25:
        settings["cutoff_freq"] = float(rng.uniform(1_000, 0.999 * highest))
    settings["on_full_band"] = str(rng.choice(["skip", "run", "error"], p=[0.5, 0.45, 0.05]))
    settings["output_type"] = str(rng.choice(["np", "pt", "latent"], p=[0.75, 0.2, 0.05]))
    settings["return_dict"] = bool(rng.random() < 0.9)
    if rng.random() < 0.1:
        settings["callback_on_step_end"] = [_nothing, _same, _zeros][rng.integers(3)]
    if rng.random() < 0.9:
        case.one_generator = bool(num_clips == 1 or rng.random() < 0.5)
        case.seeds = [int(rng.integers(2**31)) for _ in range(1 if case.one_generator else num_clips)]
    return settings


def _nothing(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
    """A callback that only looks."""


def _same(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    return tensors


def _zeros(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    return {"latents": torch.zeros_like(tensors["latents"])}


def _spoil(rng: np.random.Generator, case: Case) -> None:
    """Makes a case one that has to be refused."""
    name = str(rng.choice([*BAD_SETTINGS, *BAD_AUDIO]))
    own_rate = not isinstance(case.arguments["sampling_rate"], int)
    if name == "no rate" and own_rate:
        name = "rate 0"
    # Latents' shape, text and numbers of the wrong kind are refused whatever else the call is.
    if name in BAD_SETTINGS:
        case.arguments.update(BAD_SETTINGS[name])
        if "generator" in BAD_SETTINGS[name]:
            case.seeds = []
    else:
        case.audio = _spoilt(name, case.clips[0].copy())
        case.arguments["sampling_rate"] = case.sampling_rate
        case.seeds = case.seeds[:1]
    case.is_bad, case.kinds["to be refused"] = True, name


def _spoilt(name: str, clip: np.ndarray) -> Any:
    """Audio that can't be used."""
    if name in ("NaN", "infinite"):
        clip[-1, -1] = np.nan if name == "NaN" else -np.inf
        return [clip]
    return {
        "empty": np.zeros(0, np.float32),
        "empty list": [],
        "complex": clip[0].astype(np.complex64),
        "booleans": clip[0] > 0,
        "int64": clip[0].astype(np.int64),
        "4-D": clip[None, None],
        "text": [b"audio"],
        "transposed": [np.zeros((1_000, 2), np.float32)],
    }[name]


def build_scheduler(name: str, config: Any) -> Any:
    """A scheduler of `SCHEDULERS` with the settings of another."""
    class_name, settings = SCHEDULERS[name]
    return getattr(diffusers, class_name).from_config(config, **settings)
