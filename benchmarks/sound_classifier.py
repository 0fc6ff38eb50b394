"""The classifier of ESC-10's sounds, which `evaluate --sets` measures with: `python -m benchmarks.sound_classifier`.

`train` trains it, `accuracy` prints how many clips of a folder it knows. A folder is that of ESC-10 itself
(github.com/karolpiczak/ESC-10), whose files are `001 - Dog bark/1-100032-A.ogg`, named by fold, recording and take; or
it holds files named `dog_bark__1-100032-A.ogg`.
"""

import argparse
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from audiosr_pipeline.audio_io import audio_files, read_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.models.sound_classifier import SoundClassifier
from audiosr_pipeline.pipelines.bundled import WEIGHTS
from audiosr_pipeline.tables import markdown_table

NAME = re.compile(r"(?:\d+ - )?(?P<label>[^/]+?)(?:/|__)(?P<fold>\d)-\d+-[A-Z]\b[^/]*")
BATCH_SIZE = 32
# Levels are drawn anew for each clip and step, in nepers of the mel magnitude: -15 to +9 dB.
LEVELS = -1.7, 1.0
# The share of another clip that is mixed in: at most half, mostly little.
MIXED = 0.3
SMOOTHING = 0.1


@dataclass(frozen=True)
class LabelledClip:
    """A file, what is heard in it, and its fold."""

    path: Path
    label: str
    fold: int


def labelled_clips(folder: Path | str, folds: Sequence[int] | None = None) -> list[LabelledClip]:
    """The clips of ESC-10 below a folder.

    Args:
        folder: In either layout, see above.
        folds: Which to take; None is all.

    Raises:
        ValueError: If a file isn't named so, or none is left.
    """
    clips = []
    for path in audio_files(folder):
        match = NAME.fullmatch(path.relative_to(folder).as_posix())
        if match is None:
            raise ValueError(f"{path} is named neither CLASS/FOLD-ID-TAKE nor CLASS__FOLD-ID-TAKE, as ESC-10's are.")
        clips.append(LabelledClip(path, match["label"].lower().replace(" ", "_"), int(match["fold"])))
    clips = [clip for clip in clips if folds is None or clip.fold in folds]
    if not clips:
        raise ValueError(f"{folder} holds no clips of the folds {folds}.")
    return clips


def read_mono(path: Path, sampling_rate: int) -> Tensor:
    """The mean of a file's channels `(1, num_samples)` at a rate."""
    audio, own_rate = read_audio(path)
    return torch.from_numpy(resample(audio.mean(0, keepdims=True, dtype=np.float32), own_rate, sampling_rate))


def train(
    clips: Sequence[LabelledClip], num_epochs: int, seed: int, validation: Sequence[LabelledClip] = ()
) -> SoundClassifier:
    """Trains a classifier: AdamW with a cosine, on spectrograms that are shifted, masked and mixed.

    Args:
        clips: What it is trained on, about as long as each other.
        num_epochs: How often each is seen.
        seed: Of weights and draws.
        validation: What it is tried on at the end of every twentieth epoch.
    """
    torch.manual_seed(seed)
    labels = sorted({clip.label for clip in clips})
    model = SoundClassifier(labels=tuple(labels))
    rate = model.config.sampling_rate
    each = [model.feature_extractor(read_mono(clip.path, rate)) for clip in tqdm(clips, desc="read")]
    # Lossy coders leave a few frames more or less.
    num_frames = min(mel.shape[2] for mel in each)
    mels = torch.cat([mel[:, :, :num_frames] for mel in each])
    one_hot = nn.functional.one_hot(torch.tensor([labels.index(clip.label) for clip in clips])).float()
    steps = num_epochs * math.ceil(len(clips) / BATCH_SIZE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    progress = tqdm(range(num_epochs), desc="epochs")
    for epoch in progress:
        model.train()
        for batch in torch.randperm(len(clips)).split(BATCH_SIZE):
            other = batch[torch.randperm(len(batch))]
            share = MIXED * torch.rand(len(batch)) ** 2
            weight = share[:, None, None, None]
            # Magnitudes add up, about.
            mixed = ((1 - weight).log() + mels[batch]).logaddexp((weight + 1e-9).log() + mels[other])
            logits = model.head(model.embed(varied(mixed, model.feature_extractor.log_floor)))
            wanted = one_hot[batch] * (1 - share[:, None]) + one_hot[other] * share[:, None]
            loss = nn.functional.cross_entropy(logits, wanted, label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if validation and (epoch + 1) % 20 == 0:
            right = sum(
                told == clip.label for clip, told in zip(validation, told_labels(model, validation), strict=True)
            )
            progress.write(f"epoch {epoch + 1}: loss {loss.item():.3f}, {right} of {len(validation)} right")
    return model.eval()


def varied(mel: Tensor, floor: float) -> Tensor:
    """Log-mel spectrograms `(batch, 1, num_frames, n_mels)` at other levels and times, with stripes left out."""
    num_clips, _, num_frames, n_mels = mel.shape
    low, high = LEVELS
    mel = (mel + low + (high - low) * torch.rand(num_clips, 1, 1, 1)).clamp(min=floor)
    mel = torch.stack([clip.roll(int(torch.randint(num_frames, (1,))), 1) for clip in mel])
    for clip in mel:
        for axis, size in ((1, num_frames), (2, n_mels), (2, n_mels)):
            width = int(torch.randint(size // 8, (1,)))
            clip.narrow(axis, int(torch.randint(size - width, (1,))), width).fill_(floor)
    return mel


@torch.no_grad()
def told_labels(model: SoundClassifier, clips: Sequence[LabelledClip]) -> list[str]:
    """What the classifier takes each clip for."""
    model.eval()
    rate = model.config.sampling_rate
    logits = (model.head(model(read_mono(clip.path, rate))) for clip in clips)
    return [model.config.labels[int(each.argmax())] for each in logits]


def accuracy_table(model: SoundClassifier, clips: Sequence[LabelledClip]) -> list[str]:
    """The lines of a table: of each class the clips that are told right, and what the others are taken for."""
    told = told_labels(model, clips)
    rows = []
    for label in model.config.labels:
        own = [guess for clip, guess in zip(clips, told, strict=True) if clip.label == label]
        wrong = Counter(guess for guess in own if guess != label)
        rows.append((label, f"{own.count(label)} of {len(own)}", ", ".join(f"{k} {v}" for k, v in wrong.items())))
    right = sum(clip.label == guess for clip, guess in zip(clips, told, strict=True))
    rows.append(("all", f"{right} of {len(clips)}, {100 * right / len(clips):.1f} %", ""))
    return list(markdown_table(("class", "right", "taken for"), rows))


def main() -> None:
    """Trains, or prints the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    of_training = parts.add_parser("train", help="train a classifier and save it")
    of_training.add_argument("data", type=Path, help="folder of ESC-10")
    of_training.add_argument("--output", type=Path, required=True, help="folder to write the classifier to")
    of_training.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4], help="default: 1 2 3 4")
    of_training.add_argument("--validation", type=int, nargs="*", default=[], help="folds to try it on meanwhile")
    of_training.add_argument("--epochs", type=int, default=60, help="default: %(default)s")
    of_training.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    of_accuracy = parts.add_parser("accuracy", help="print how many clips a classifier knows")
    of_accuracy.add_argument("data", type=Path, help="folder of ESC-10")
    of_accuracy.add_argument("--folds", type=int, nargs="+", default=[5], help="default: 5")
    of_accuracy.add_argument(
        "--model", type=Path, default=WEIGHTS / "esc10-classifier", help="default: the one shipped"
    )
    arguments = parser.parse_args()
    clips = labelled_clips(arguments.data, arguments.folds)
    if arguments.part == "accuracy":
        print("\n".join(accuracy_table(SoundClassifier.from_pretrained(arguments.model), clips)))
        return
    validation = labelled_clips(arguments.data, arguments.validation) if arguments.validation else []
    train(clips, arguments.epochs, arguments.seed, validation).save_pretrained(arguments.output)


if __name__ == "__main__":
    main()
