"""Where the items of a study come from: captions through a generator, or folders of what one has generated."""

import csv
import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AudioLDMPipeline
from transformers import (
    AutoProcessor,
    FastSpeech2ConformerTokenizer,
    FastSpeech2ConformerWithHifiGan,
    MusicgenForConditionalGeneration,
)

from audiosr_pipeline.adapters import SuperResolvedGenerator, with_super_resolution
from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.csv_files import read_csv
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import named_files
from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.pipelines.outputs import AudioSRReport
from audiosr_pipeline.study.manifest import is_item

# That of the paper's generators; a published FastSpeech 2 has its tokenizer in another repository.
CHECKPOINTS = {
    "musicgen": "facebook/musicgen-small",
    "audioldm": "cvssp/audioldm-s-full-v2",
    "fastspeech2": "espnet/fastspeech2_conformer_with_hifigan",
}
FASTSPEECH2_TOKENIZER = "espnet/fastspeech2_conformer"
# Clipping flattens peaks: so many equal samples in a row at full scale.
CLIPPED_RUN = 3
FULL_SCALE = 0.999


@dataclass(frozen=True)
class Rendered:
    """One item before and after super-resolution.

    Attributes:
        original: What the generator made, resampled to 48 kHz, `(channels, num_samples)`.
        audiosr: The same after AudioSR, same shape.
        report: AudioSR's.
        source: The file, or the generator's checkpoint.
        source_sha256: Of the file; of generated audio that of `original`'s samples.
        clipped: How many samples of the file are clipped; 0 for generated audio, which comes as floats.
    """

    original: np.ndarray
    audiosr: np.ndarray
    report: AudioSRReport
    source: str
    source_sha256: str
    clipped: int


# Makes an item from its name, its prompt and a seed.
Render = Callable[[str, str, int], Rendered]
# Puts super-resolution behind a generator.
Wrap = Callable[[Any], SuperResolvedGenerator]
# Gives the new audio for a prompt and a seed, and what carries the original and the report.
Generate = Callable[[str, torch.Generator], tuple[Any, Any]]


@dataclass(frozen=True)
class FolderSet:
    """Audio that a generator has made already.

    Args:
        generator: Whose it is: the name that results are given under.
        folder: Audio files, with those of subfolders. An item is named by its path without the suffix.
        num_items: How many to draw; None is all.
        music_only: Leave out what the tagger takes for no music.
        licence: Of the audio, for the manifest.
        captions: What each item was generated from, as far as that is known.
    """

    generator: str
    folder: Path | str
    num_items: int | None = None
    music_only: bool = False
    licence: str = ""
    captions: Mapping[str, str] | None = None

    def prompts(self) -> dict[str, str]:
        """The items with their prompts; an item without a caption has "".

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If it holds no audio, or two files of one name.
        """
        captions = self.captions or {}
        return {name: captions.get(name, "") for name in named_files(self.folder)}

    def open(self, audiosr: AudioSRPipeline, device: str, num_inference_steps: int | None) -> Render:
        """A function that reads an item and takes it to 48 kHz."""
        files = named_files(self.folder)
        audiosr.to(device)

        def render(name: str, prompt: str, seed: int) -> Rendered:
            if name not in files:
                raise FileNotFoundError(f"{self.folder} holds no audio file {name}")
            audio, sampling_rate = read_audio(files[name])
            out: Any = audiosr(
                [audio],
                sampling_rate,
                num_inference_steps=num_inference_steps,
                generator=torch.Generator().manual_seed(seed),
            )
            sha256 = hashlib.sha256(files[name].read_bytes()).hexdigest()
            original = resample(audio, sampling_rate, audiosr.sampling_rate)
            return Rendered(original, out.audios[0], out.reports[0], str(files[name]), sha256, num_clipped(audio))

        return render


@dataclass(frozen=True)
class PromptSet:
    """Prompts for one of the paper's generators.

    Args:
        generator: A key of `CHECKPOINTS`.
        captions: The prompts by item; `read_captions` makes them of a CSV file.
        num_items: How many to draw; None is all.
        music_only: Leave out what the tagger takes for no music.
        licence: Of what the generator makes, for the manifest.
        checkpoint: What the generator's `from_pretrained` takes; None is that of `CHECKPOINTS`.
        duration_s: How long the items are in seconds; speech is as long as its text.
    """

    generator: str
    captions: Mapping[str, str]
    num_items: int | None = None
    music_only: bool = False
    licence: str = ""
    checkpoint: str | None = None
    duration_s: float = 10.0

    def prompts(self) -> dict[str, str]:
        """The items with their prompts.

        Raises:
            ValueError: If there are none, or the generator isn't known.
        """
        if self.generator not in CHECKPOINTS:
            raise ValueError(
                f'generator="{self.generator}" can\'t be given prompts; accepted are {", ".join(CHECKPOINTS)}. What '
                "another one generated goes in as a folder."
            )
        if not self.captions:
            raise ValueError(f"no captions for {self.generator}.")
        return dict(self.captions)

    def open(self, audiosr: AudioSRPipeline, device: str, num_inference_steps: int | None) -> Render:
        """A function that generates an item and takes it to 48 kHz."""
        checkpoint = self.checkpoint or CHECKPOINTS[self.generator]
        wrap = functools.partial(with_super_resolution, audiosr=audiosr, num_inference_steps=num_inference_steps)
        generate = _LOADERS[self.generator](checkpoint, device, wrap, self.duration_s)

        def render(name: str, prompt: str, seed: int) -> Rendered:
            if not prompt.strip():
                raise ValueError("its caption is empty")
            audio, out = generate(prompt, torch.Generator().manual_seed(seed))
            original = _clip(out.original)
            sha256 = hashlib.sha256(original.tobytes()).hexdigest()
            return Rendered(original, _clip(audio), out.reports[0], checkpoint, sha256, clipped=0)

        return render


def read_captions(path: Path | str, column: str = "caption") -> dict[str, str]:
    """Reads prompts, such as those of MusicCaps and AudioCaps.

    Args:
        path: CSV file whose first line names the columns (see `read_csv`).
        column: The one that holds the prompts.

    Returns:
        The prompts by number of their row, from "0001" on.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it lacks the column, or has no rows.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not a file; captions are a CSV file with a column {column!r}.")
    try:
        _, rows = read_csv(path, [column])
        captions = {f"{number:04d}": row.get(column, "") for number, (_, row) in enumerate(rows, start=1)}
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}: {error}.") from error
    if not captions:
        raise ValueError(f"{path} has no rows below its first line.")
    return captions


def num_clipped(audio: np.ndarray) -> int:
    """How many samples of `(channels, num_samples)` lie in flat runs at full scale."""
    count = 0
    for channel in audio:
        is_flat = (channel[1:] == channel[:-1]) & (np.abs(channel[1:]) >= FULL_SCALE)
        edges = np.flatnonzero(np.diff(is_flat, prepend=False, append=False))
        runs = edges[1::2] - edges[::2] + 1
        count += int(runs[runs >= CLIPPED_RUN].sum())
    return count


def item_seed(seed: int, generator: str, item: str) -> int:
    """The seed of an item: the same whatever other items a study has."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{generator}/{item}".encode()).digest()[:4], "big")


def draw_order(item_set: FolderSet | PromptSet, seed: int) -> list[str]:
    """The order in which the items of a set are taken: at random if only some are wanted, as the first may be alike.

    Raises:
        ValueError: If there are fewer than it is to have, or a name is none for a manifest.
    """
    names = list(item_set.prompts())
    if bad := next((name for name in names if not is_item(name)), None):
        raise ValueError(
            f"{item_set.generator} has the item {bad!r}: a manifest can't hold it. Accepted are paths below a folder "
            "without backslashes at the start and without .., in UTF-8: rename it."
        )
    if item_set.num_items is None:
        return names
    if not 0 < item_set.num_items <= len(names):
        raise ValueError(
            f"{item_set.num_items} items of {item_set.generator} are asked for, there are {len(names)}: ask for 1 to "
            f"{len(names)}, or leave the number out to take all."
        )
    order = np.random.default_rng(item_seed(seed, item_set.generator, "")).permutation(len(names))
    return [names[index] for index in order]


def _clip(audio: Any) -> np.ndarray:
    """The one clip in a batch, `(channels, num_samples)`."""
    return np.atleast_2d(np.asarray(audio[0].cpu() if isinstance(audio, torch.Tensor) else audio[0]))


def _load_musicgen(checkpoint: str, device: str, wrap: Wrap, duration_s: float) -> Generate:
    processor = AutoProcessor.from_pretrained(checkpoint)
    generator = MusicgenForConditionalGeneration.from_pretrained(checkpoint).to(device)
    model = wrap(generator)
    num_tokens = round(duration_s * generator.config.audio_encoder.frame_rate)

    def generate(prompt: str, seed: torch.Generator) -> tuple[Any, Any]:
        inputs = processor(text=[prompt], return_tensors="pt").to(device)
        out = model.generate(**inputs, do_sample=True, max_new_tokens=num_tokens, generator=seed)
        return out, out

    return generate


def _load_audioldm(checkpoint: str, device: str, wrap: Wrap, duration_s: float) -> Generate:
    generator = AudioLDMPipeline.from_pretrained(checkpoint).to(device)
    generator.set_progress_bar_config(disable=True)
    pipe = wrap(generator)

    def generate(prompt: str, seed: torch.Generator) -> tuple[Any, Any]:
        out = pipe(prompt, audio_length_in_s=duration_s, generator=seed)
        return out.audios, out

    return generate


def _load_fastspeech2(checkpoint: str, device: str, wrap: Wrap, duration_s: float) -> Generate:
    # Needs g2p-en. Its text decides how long speech is, not `duration_s`.
    tokenizer = FastSpeech2ConformerTokenizer.from_pretrained(FASTSPEECH2_TOKENIZER)
    generator = FastSpeech2ConformerWithHifiGan.from_pretrained(checkpoint).to(device)
    model = wrap(generator)

    def generate(prompt: str, seed: torch.Generator) -> tuple[Any, Any]:
        inputs = tokenizer([prompt], return_tensors="pt")
        out = model(**{name: tensor.to(device) for name, tensor in inputs.items()}, generator=seed)
        return out.waveform, out

    return generate


_LOADERS = {"musicgen": _load_musicgen, "audioldm": _load_audioldm, "fastspeech2": _load_fastspeech2}
