"""What turns clips into vectors, of which sets are compared: networks, and mel spectrograms without any."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from transformers import ASTForAudioClassification, AutoFeatureExtractor, AutoTokenizer, ClapModel

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.sound_classifier import SoundClassifier

# What is shorter has no vector of every kind.
SHORTEST_S = 1.0


class Embedding(Protocol):
    """What turns a clip into vectors.

    Attributes:
        name: What figures are named by: what it is, and its rate.
        sampling_rate: Rate in Hz of the audio that it takes.
        source: Which weights it has, if any.
        num_components: Sets of its vectors are compared in so many principal components of the reference's; None: as
            they are.
    """

    name: str
    sampling_rate: int
    source: str
    num_components: int | None

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """The vectors `(num_vectors, dim)` of a mono clip `(num_samples,)` of a second or more, full scale 1."""
        ...


@runtime_checkable
class Classifier(Embedding, Protocol):
    """An embedding whose vectors a classifier judges."""

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """The logits `(num_vectors, num_classes)` of vectors `(num_vectors, dim)`."""
        ...


@runtime_checkable
class TextEmbedding(Embedding, Protocol):
    """An embedding whose vectors can be compared with those of texts."""

    def of_texts(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors `(num_texts, dim)` of texts."""
        ...


class MelEmbedding:
    """Mean and deviation over time of log-mel bands, for each second: levels and how they vary, without a network.

    Sets are compared in 16 principal components of the reference's vectors: so few that 40 clips will do. What a set
    has in directions in which the reference doesn't vary is not seen. The unit is nepers squared.

    Args:
        f_min: Where the lowest band begins in Hz.
        f_max: Where the highest ends.
        n_mels: How many bands.
    """

    sampling_rate = 48_000
    source = "no weights"
    num_components: int | None = 16

    def __init__(self, f_min: float, f_max: float, n_mels: int):
        self.name = f"mel-{f_min / 1_000:g}-{f_max / 1_000:g}k-48k"
        self._extractor = MelFeatureExtractor(self.sampling_rate, n_mels=n_mels, f_min=f_min, f_max=f_max)

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """The vectors `(num_seconds, 2 n_mels)`: means, then standard deviations."""
        seconds = windows(audio.astype(np.float32), self.sampling_rate)
        mels = [self._extractor(torch.from_numpy(second)[None])[0, 0] for second in seconds]
        return _float64(torch.stack([torch.cat([mel.mean(0), mel.std(0)]) for mel in mels]))


def mel_embeddings() -> list[MelEmbedding]:
    """Below and above 8 kHz apart: 48 bands of about equal width on the mel scale, none of which lies in both."""
    return [MelEmbedding(0, 8_000, 36), MelEmbedding(8_000, 24_000, 12)]


class ClassifierEmbedding:
    """The vector of a `SoundClassifier`, one per clip.

    Args:
        model: The classifier.
        name: What it was trained on.
    """

    num_components: int | None = None

    def __init__(self, model: SoundClassifier, name: str):
        self._model = model.float().eval()
        self.sampling_rate = model.config.sampling_rate
        self.name = f"{name}-{self.sampling_rate / 1_000:g}k"
        self.source = f"{len(model.config.labels)} classes: {', '.join(model.config.labels)}"

    @torch.no_grad()
    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """The vector `(1, embedding_size)`."""
        return _float64(self._model(torch.from_numpy(audio)[None]))

    @torch.no_grad()
    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """The logits of vectors."""
        return _float64(self._model.head(torch.from_numpy(vectors).float()))


class ASTEmbedding:
    """The pooled vector of a transformers `ASTForAudioClassification`, one per 10.24 s, and its logits.

    Args:
        checkpoint: Folder or name, with its feature extractor.
    """

    num_components: int | None = None

    def __init__(self, checkpoint: Path | str):
        self.source = str(checkpoint)
        self._model = ASTForAudioClassification.from_pretrained(checkpoint).float().eval()
        self._extractor = AutoFeatureExtractor.from_pretrained(checkpoint)
        self.sampling_rate = self._extractor.sampling_rate
        self.name = f"ast-{self.sampling_rate / 1_000:g}k"
        # Frames of 10 ms.
        self._window = self._extractor.max_length * self.sampling_rate // 100

    @torch.no_grad()
    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """The vectors `(num_windows, hidden_size)`; a window that isn't full is padded, as in training."""
        parts = list(windows(audio, self._window))
        inputs = self._extractor(parts, sampling_rate=self.sampling_rate, return_tensors="pt")
        return _float64(self._model.audio_spectrogram_transformer(**inputs).pooler_output)

    @torch.no_grad()
    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """The logits of vectors."""
        return _float64(self._model.classifier(torch.from_numpy(vectors).float()))


class ClapEmbedding:
    """The projected vector of a transformers `ClapModel`, of length 1, one per 10 s, and those of texts.

    Args:
        checkpoint: Folder or name, with its feature extractor and tokenizer.
    """

    num_components: int | None = None

    def __init__(self, checkpoint: Path | str):
        self.source = str(checkpoint)
        self._model = ClapModel.from_pretrained(checkpoint).float().eval()
        self._extractor = AutoFeatureExtractor.from_pretrained(checkpoint)
        self._tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.sampling_rate = self._extractor.sampling_rate
        self.name = f"clap-{self.sampling_rate / 1_000:g}k"

    @torch.no_grad()
    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """The vectors `(num_windows, projection_dim)`; a window that isn't full is repeated, as in training.

        Of longer audio the extractor would take a part at random, so it never gets any.
        """
        parts = list(windows(audio, self._extractor.nb_max_samples))
        inputs = self._extractor(parts, sampling_rate=self.sampling_rate, return_tensors="pt")
        # Of short audio the extractor of a checkpoint with fusion marks one at random as long.
        inputs["is_longer"] = torch.zeros(len(parts), 1, dtype=torch.bool)
        return _float64(self._model.get_audio_features(**inputs).pooler_output)

    @torch.no_grad()
    def of_texts(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors `(num_texts, projection_dim)`."""
        inputs = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        return _float64(self._model.get_text_features(**inputs).pooler_output)


def windows(audio: np.ndarray, length: int) -> list[np.ndarray]:
    """Parts of a clip `(num_samples,)`, one after the other.

    All have `length` samples but the last, which is left out if it has less than half and isn't the only one.
    """
    starts = range(0, max(1, len(audio) - length // 2), length)
    return [audio[start : start + length] for start in starts]


def principal_components(reference: np.ndarray, num_components: int) -> np.ndarray:
    """Directions `(dim, num_components)` in which vectors `(num_vectors, dim)` vary most, or all, if they are fewer."""
    _, _, directions = np.linalg.svd(reference - reference.mean(0), full_matrices=False)
    return directions[:num_components].T


def _float64(values: Tensor) -> np.ndarray:
    return values.double().numpy()
