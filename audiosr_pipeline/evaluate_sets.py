"""Compares a folder of generated clips with a folder of true ones, as sets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audiosr_pipeline.audio_io import passed_over, read_audio
from audiosr_pipeline.csv_files import number_text, write_csv
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import named_files
from audiosr_pipeline.evaluation_settings import SETS_TABLE
from audiosr_pipeline.metrics.bootstrap import bootstrap_means
from audiosr_pipeline.metrics.embeddings import (
    SHORTEST_S,
    ASTEmbedding,
    ClapEmbedding,
    Classifier,
    ClassifierEmbedding,
    Embedding,
    TextEmbedding,
    mel_embeddings,
    principal_components,
)
from audiosr_pipeline.metrics.frechet import frechet_distance
from audiosr_pipeline.metrics.half_samples import SetFigure, half_sample_figure
from audiosr_pipeline.metrics.inception_score import inception_score
from audiosr_pipeline.metrics.kullback_leibler import kullback_leibler
from audiosr_pipeline.metrics.level import MOST_CHANNELS, loudness_lufs
from audiosr_pipeline.metrics.text_similarity import text_similarity
from audiosr_pipeline.models.sound_classifier import SoundClassifier
from audiosr_pipeline.pipelines.bundled import WEIGHTS
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.tables import aligned_table
from audiosr_pipeline.writing import clear_left_parts, written_whole

CLASSIFIER = "esc10-classifier"
NUM_NAMED = 3


@dataclass(frozen=True)
class SetReport:
    """What is known of one of the sets.

    Attributes:
        names: Its clips, paths below the folder without suffix, sorted.
        silent: Which of them are nothing but zeros; they count as any other.
        loudness_lufs: Median of the integrated loudness of the others; NaN if none has one.
        rates: Sampling rates of its files in Hz, each once.
    """

    names: list[str]
    silent: list[str]
    loudness_lufs: float
    rates: list[int]

    def text(self) -> str:
        """In a line."""
        rates = ", ".join(f"{rate / 1_000:g}" for rate in self.rates)
        loudness = "" if np.isnan(self.loudness_lufs) else f", median loudness {self.loudness_lufs:.1f} LUFS"
        silent = f", such as {self.silent[0]}" if self.silent else ""
        return f"{len(self.names)} clips at {rates} kHz{loudness}, {len(self.silent)} silent{silent}"


@dataclass(frozen=True)
class SetEvaluation:
    """What `evaluate_sets` found.

    Attributes:
        figures: By name, such as `FD[clap-48k, n=400]`; "of the reference" are those of the true clips alone.
        num_vectors: Of the reference and of what was generated, by the embedding's name.
        sources: Which weights each embedding has, by its name.
        reference: Of the true clips.
        generated: Of the generated ones.
        notes: What could not be measured, and why.
        passed_over: Lines that count and name what isn't taken for audio in the two folders.
    """

    figures: dict[str, SetFigure]
    num_vectors: dict[str, tuple[int, int]]
    sources: dict[str, str]
    reference: SetReport
    generated: SetReport
    notes: list[str]
    passed_over: list[str]


def load_embeddings(choices: Sequence[str]) -> list[Embedding]:
    """The embeddings of that name.

    Args:
        choices: `"mel"`, which are two, below and above 8 kHz; `"classifier"`, the one of ESC-10's sounds that ships
            with the package; `"clap=FOLDER"` and `"ast=FOLDER"`, a checkpoint of transformers: folder or name.

    Raises:
        ValueError: If a choice is none of these.
        OSError: If a checkpoint can't be loaded.
    """
    embeddings: list[Embedding] = []
    for choice in choices:
        kind, _, checkpoint = choice.partition("=")
        if choice == "mel":
            embeddings += mel_embeddings()
        elif choice == "classifier":
            embeddings.append(ClassifierEmbedding(load_part(SoundClassifier, WEIGHTS / CLASSIFIER), "esc10"))
        elif kind == "clap" and checkpoint:
            embeddings.append(ClapEmbedding(checkpoint))
        elif kind == "ast" and checkpoint:
            embeddings.append(ASTEmbedding(checkpoint))
        else:
            raise ValueError(f"the embedding {choice!r}; accepted are mel, classifier, clap=FOLDER and ast=FOLDER.")
    return embeddings


def evaluate_sets(
    reference_dir: Path | str,
    generated_dir: Path | str,
    embeddings: Sequence[Embedding],
    captions: Mapping[str, str] | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> SetEvaluation:
    """Compares two folders of clips as sets: what they are like, whatever clip stands beside which.

    Each file's channels are averaged and resampled to each embedding's rate; its level stays. Of every embedding there
    is the Frechet distance. A classifier adds the inception score of both sets, and if both have the same names, the
    Kullback-Leibler divergence of each pair; of a longer clip its logits are the mean over windows. An embedding of
    texts adds the similarity of the clips and their captions.

    Args:
        reference_dir: Folder of true recordings, searched with its subfolders.
        generated_dir: Folder of as many generated clips.
        embeddings: What the clips are compared by, such as of `load_embeddings`.
        captions: The text of each name in `generated_dir`.
        seed: Of the half-samples and the bootstrap.
        show_progress: Show a bar over the files.

    Raises:
        FileNotFoundError: If a folder doesn't exist.
        ValueError: If a folder holds a single clip or none, the two hold different numbers, a file can't be read or is
            shorter than a second, a clip has no caption, or there are captions that no embedding takes.
    """
    files = named_files(reference_dir), named_files(generated_dir)
    numbers = [len(each) for each in files]
    if numbers[0] != numbers[1] or numbers[0] < 2:
        raise ValueError(
            f"{reference_dir} holds {numbers[0]} clips and {generated_dir} {numbers[1]}; accepted are equal numbers "
            "from 2 on, as all figures of sets depend on them: take as many from the larger one."
        )
    if captions is not None:
        if not any(isinstance(embedding, TextEmbedding) for embedding in embeddings):
            raise ValueError("there are captions, but no embedding of texts: add clap=FOLDER.")
        if missing := sorted(files[1].keys() - captions.keys()):
            raise ValueError(f"{len(missing)} of the generated clips have no caption, such as {missing[0]!r}.")
    reports, vectors = zip(*(_embedded(each, embeddings, show_progress) for each in files), strict=True)
    is_paired = files[0].keys() == files[1].keys()
    figures: dict[str, SetFigure] = {}
    notes: list[str] = []
    for embedding, reference, generated in zip(embeddings, *vectors, strict=True):
        label = f"{embedding.name}, n={len(reference)}"
        figures[f"FD[{label}]"] = _distance(embedding, reference, generated, seed)
        if isinstance(embedding, Classifier):
            logits = [np.stack([embedding.logits(clip).mean(0) for clip in each]) for each in (reference, generated)]
            of_clips = [[clip[None] for clip in each] for each in logits]
            figures[f"IS[{label}, 1 split]"] = half_sample_figure(inception_score, of_clips[1], seed=seed)
            figures[f"IS[{label}, 1 split] of the reference"] = half_sample_figure(
                inception_score, of_clips[0], seed=seed
            )
            if is_paired:
                figures[f"KL[{label}, reference to generated, softmax]"] = _mean(kullback_leibler(*logits), seed)
            else:
                notes.append(f"no KL of {embedding.name}: the names of the two folders differ, so there are no pairs")
        if isinstance(embedding, TextEmbedding) and captions is not None:
            clips = np.stack([clip.mean(0) for clip in generated])
            texts = embedding.of_texts([captions[name] for name in reports[1].names])
            figures[f"text similarity[{label}]"] = _mean(text_similarity(clips, texts), seed)
    return SetEvaluation(
        figures,
        {
            embedding.name: (sum(map(len, reference)), sum(map(len, generated)))
            for embedding, reference, generated in zip(embeddings, *vectors, strict=True)
        },
        {embedding.name: embedding.source for embedding in embeddings},
        reports[0],
        reports[1],
        notes,
        [*passed_over(reference_dir), *passed_over(generated_dir)],
    )


def sets_summary(evaluation: SetEvaluation) -> str:
    """What was compared how, and each figure with its interval and bias, in lines."""
    lines = [f"reference: {evaluation.reference.text()}", f"generated: {evaluation.generated.text()}"]
    for name, (of_reference, of_generated) in evaluation.num_vectors.items():
        lines.append(f"{name}: {evaluation.sources[name]}; {of_reference} and {of_generated} vectors")
    rows = [
        [name, _text(figure.value), f"[{_text(figure.low)}, {_text(figure.high)}]", _text(figure.bias)]
        for name, figure in evaluation.figures.items()
    ]
    lines += ["", *aligned_table([["", "figure", "95 % interval", "bias at this n"], *rows])]
    return "\n".join([*lines, *([""] if evaluation.notes else []), *evaluation.notes])


def write_sets_table(evaluation: SetEvaluation, folder: Path | str) -> None:
    """Writes `SETS_TABLE`, whole or not at all, in place of one that is there; a row per figure."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    clear_left_parts(folder, [SETS_TABLE])
    with written_whole(Path(folder) / SETS_TABLE) as temporary:
        write_csv(temporary, _table_rows(evaluation))


def _table_rows(evaluation: SetEvaluation) -> Iterator[tuple[object, ...]]:
    columns = "figure", "value", "low", "high", "bias", "clips", "reference_silent", "generated_silent"
    yield *columns, "reference_loudness_lufs", "generated_loudness_lufs"
    sets = evaluation.reference, evaluation.generated
    for name, figure in evaluation.figures.items():
        numbers = (number_text(each) for each in (figure.value, figure.low, figure.high, figure.bias))
        silent = (len(each.silent) for each in sets)
        yield name, *numbers, figure.num_clips, *silent, *(number_text(each.loudness_lufs) for each in sets)


def _embedded(
    files: Mapping[str, Path], embeddings: Sequence[Embedding], show_progress: bool
) -> tuple[SetReport, list[list[np.ndarray]]]:
    """What is known of a set, and for each embedding the vectors of each clip."""
    names = sorted(files)
    vectors: list[list[np.ndarray]] = [[] for _ in embeddings]
    silent, loudness, rates, faults = [], [], set(), []
    for name in tqdm(names, unit="file", disable=not show_progress):
        try:
            audio, rate = read_audio(files[name])
            if audio.shape[-1] < SHORTEST_S * rate:
                seconds = audio.shape[-1] / rate
                raise ValueError(f"{files[name]}: lasts {seconds:.2f} s; needed is {SHORTEST_S:g} s or more")
        except ValueError as error:
            faults.append(str(error))
            continue
        rates.add(rate)
        if not audio.any():
            silent.append(name)
        elif len(audio) <= MOST_CHANNELS:
            loudness.append(loudness_lufs(audio, rate))
        mono = audio.mean(0, keepdims=True, dtype=np.float32)
        for embedding, own in zip(embeddings, vectors, strict=True):
            own.append(embedding(resample(mono, rate, embedding.sampling_rate)[0]))
    if faults:
        more = f"; and {len(faults) - NUM_NAMED} more" if len(faults) > NUM_NAMED else ""
        raise ValueError(
            f"{len(faults)} of {len(names)} clips can't be used, and a set without them is another set: "
            f"{'; '.join(faults[:NUM_NAMED])}{more}"
        )
    heard = [each for each in loudness if np.isfinite(each)]
    return SetReport(names, silent, float(np.median(heard)) if heard else np.nan, sorted(rates)), vectors


def _distance(embedding: Embedding, reference: list[np.ndarray], generated: list[np.ndarray], seed: int) -> SetFigure:
    """The Frechet distance, in principal components of the reference if the embedding asks for it."""
    if embedding.num_components is not None:
        directions = principal_components(np.concatenate(reference), embedding.num_components)
        reference, generated = ([clip @ directions for clip in clips] for clips in (reference, generated))
    figure = half_sample_figure(frechet_distance, reference, generated, seed=seed)
    return SetFigure(figure.value, max(0.0, figure.low), figure.high, figure.bias, figure.num_clips)


def _mean(values: np.ndarray, seed: int) -> SetFigure:
    """A mean over clips, which has no bias."""
    (mean,) = bootstrap_means(values[:, None], seed)
    assert mean is not None
    return SetFigure(mean.value, mean.low, mean.high, 0.0, mean.num_clips)


def _text(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3g}"
