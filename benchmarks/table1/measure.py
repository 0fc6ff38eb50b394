"""Every system on every entry. What is done is kept, so that a run goes on where another ended."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import audiosr_pipeline
import benchmarks
from audiosr_pipeline.evaluate import SAMPLING_RATE, matching_length
from audiosr_pipeline.metrics import evaluate_pair, perceptual_scores, round_to_16_bit
from audiosr_pipeline.writing import written_whole
from benchmarks.baselines.systems import NoOutputError, StoredOutputs, System
from benchmarks.data.entries import Entry
from benchmarks.machine import software_and_hardware

# AudioSR's page has an output that ends 5760 samples early. What differs by this or more isn't of the same clip.
LENGTH_TOLERANCE = 5_761
# What the scores depend on.
PACKAGE, BENCHMARKS = Path(audiosr_pipeline.__file__).parent, Path(benchmarks.__file__).parent
SOURCES = (
    *(PACKAGE / name for name in ("audio_io", "evaluate.py", "dsp", "metrics", "models", "pipelines")),
    *(BENCHMARKS / name for name in ("baselines", "data", "table1/measure.py")),
)


@dataclass(frozen=True)
class Competitor:
    """A row of the table.

    Attributes:
        name: Its name there.
        system: What has the pipeline's call.
        made_of: What its outputs depend on: files and folders by their content, and anything else by its name.
        role: The demo pages' name of it: it has outputs of some entries only. None if it needs none.
        kind: The only kind of clips that it takes, as NU-Wave and AudioSR-Speech in the paper; None if it takes all.
        more_scores: Gives further scores of what was handed over and what came out.
    """

    name: str
    system: System
    made_of: tuple[Path | str, ...] = ()
    role: str | None = None
    kind: str | None = None
    more_scores: Callable[[Mapping[str, Any], Any], dict[str, float]] | None = None

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is of its kind, and has the output that it reads."""
        return (self.role is None or self.role in entry.outputs) and self.kind in (None, entry.kind)


@dataclass(frozen=True)
class Row:
    """What one system made of one entry.

    Attributes:
        entry: The entry's name.
        data: What it belongs to.
        clip: Its name there.
        kind: "speech", "music" or "effects".
        made_with: How the input was made.
        cutoff_freq: In Hz.
        system: The competitor's name.
        action: What the pipeline says that it did; empty for other systems.
        audio_s: Length of the output in seconds.
        cpu_s: Processor time that it took; NaN for stored outputs.
        cut_samples: How many samples at 48 kHz the longer of output and true recording was cut by.
        scores: Of `evaluate_pair`, and of `perceptual_scores` if they were asked for.
    """

    entry: str
    data: str
    clip: str
    kind: str
    made_with: str
    cutoff_freq: int
    system: str
    action: str
    audio_s: float
    cpu_s: float
    cut_samples: int
    scores: dict[str, float]


@dataclass(frozen=True)
class Results:
    """What `measure` found.

    Attributes:
        rows: In the order of the entries, then of the competitors.
        absent: Entry, system and reason where there is no stored output.
        failed: The same of what could not be read or compared.
    """

    rows: list[Row] = field(default_factory=list)
    absent: list[tuple[str, str, str]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)


def measure(
    entries: Sequence[Entry], competitors: Sequence[Competitor], store: Path, perceptual: bool = False
) -> Results:
    """Scores every system on every entry that it takes, and shows the time left.

    Output and true recording are cut at the end to the length that they share, and both are rounded to 16 bit.

    Args:
        entries: Each with a name of its own.
        competitors: As are these.
        store: Folder with a file for each row that is done. A row is found there again if nothing has changed that it
            depends on (`key`); delete the folder to begin anew.
        perceptual: Whether to take the perceptual scores, too.
    """
    store.mkdir(parents=True, exist_ok=True)
    content = cache(content_of)
    tasks = [
        (
            entry,
            {c.name: (c, store / f"{key(entry, c, content, perceptual)}.json") for c in competitors if c.takes(entry)},
        )
        for entry in entries
    ]
    results = Results()
    begun = [entry.name for entry, paths in tasks if any(not path.exists() for _, path in paths.values())]
    with tqdm(total=len(begun), desc="table1", unit="clip") as bar:
        for entry, paths in tasks:
            if missing := {name: task for name, task in paths.items() if not task[1].exists()}:
                _score_all(entry, missing, results, perceptual)
                bar.update()
            for _, path in paths.values():
                if path.exists():
                    results.rows.append(Row(**json.loads(path.read_text(encoding="utf-8"))))
    return results


def _score_all(entry: Entry, tasks: dict[str, tuple[Competitor, Path]], results: Results, perceptual: bool) -> None:
    """Writes the rows of an entry, and notes in the results which there are none of."""
    try:
        item = entry.read()
    except ValueError as error:
        results.failed.extend((entry.name, name, str(error)) for name in tasks)
        return
    for name, (competitor, path) in tasks.items():
        try:
            row = score(entry, item, competitor, perceptual)
        except NoOutputError as error:
            results.absent.append((entry.name, name, str(error)))
        # A file that can't be read, lengths or channels that don't fit, samples that aren't finite.
        except ValueError as error:
            results.failed.append((entry.name, name, str(error)))
        else:
            with written_whole(path) as temporary:
                temporary.write_text(json.dumps(asdict(row)), encoding="utf-8")


def enhance(entry: Entry, item: dict[str, Any], competitor: Competitor) -> Any:
    """What a system gives: `audios` at 48 kHz, the first `(channels, num_samples)`; of the pipeline, `reports` too."""
    return competitor.system(item, generator=torch.Generator().manual_seed(seed_of(entry)))


def score(entry: Entry, item: dict[str, Any], competitor: Competitor, perceptual: bool = False) -> Row:
    """One row.

    Args:
        entry: The test.
        item: What it reads.
        competitor: The system.
        perceptual: Whether to take the perceptual scores, too.

    Raises:
        NoOutputError: If there is no stored output.
        ValueError: If it can't be read, or compared with the true recording.
    """
    start = time.process_time()
    out = enhance(entry, item, competitor)
    cpu_s = math.nan if isinstance(competitor.system, StoredOutputs) else time.process_time() - start
    estimate, reference = np.asarray(out.audios[0]), item["reference"]
    reports = getattr(out, "reports", None)
    num_samples = matching_length(estimate, reference, LENGTH_TOLERANCE)
    pair = round_to_16_bit(estimate[:, :num_samples]), round_to_16_bit(reference[:, :num_samples])
    scores = evaluate_pair(*pair, entry.cutoff_freq)
    if perceptual:
        scores |= perceptual_scores(*pair)
    if competitor.more_scores:
        scores |= competitor.more_scores(item, out)
    return Row(
        entry=entry.name,
        data=entry.data,
        clip=entry.clip,
        kind=entry.kind,
        made_with=entry.made_with,
        cutoff_freq=entry.cutoff_freq,
        system=competitor.name,
        action=reports[0].action if reports else "",
        audio_s=estimate.shape[-1] / SAMPLING_RATE,
        cpu_s=cpu_s,
        cut_samples=max(estimate.shape[-1], reference.shape[-1]) - num_samples,
        scores=scores,
    )


def seed_of(entry: Entry) -> int:
    """Of the noise that systems begin with: an entry's own, whichever others are run beside it."""
    return int.from_bytes(hashlib.sha256(entry.name.encode()).digest()[:4], "big")


def key(entry: Entry, competitor: Competitor, content: Callable[[Path], bytes], perceptual: bool = False) -> str:
    """What a row depends on, as a name: code, versions, hardware, weights or stored outputs, and the entry's files.

    Args:
        entry: The test.
        competitor: The system.
        content: `content_of`, or what remembers it.
        perceptual: Whether the perceptual scores are among them.
    """
    stored = () if competitor.role is None else (entry.outputs[competitor.role],)
    parts = (
        *SOURCES,
        *software_and_hardware(),
        *(("perceptual",) if perceptual else ()),
        *(competitor.name, type(competitor.system).__name__, *competitor.made_of, *stored),
        *(entry.name, entry.kind, str(entry.cutoff_freq), entry.reference, *([entry.input] if entry.input else [])),
    )
    return _digest(content(part) if isinstance(part, Path) else f"{part}\0".encode() for part in parts)


def content_of(path: Path) -> bytes:
    """A digest of a file, or of all files below a folder but documents; of nothing, if there is none."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if "__pycache__" not in file.parts and file.suffix != ".md")
    parts = (
        part for file in files if file.is_file() for part in (f"{file.relative_to(path)}\0".encode(), _of_file(file))
    )
    return _digest(parts).encode()


def _of_file(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.digest()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:32]


def sample(entries: Sequence[Entry], num_entries: int) -> list[Entry]:
    """About so many entries, evenly spaced in each data set and cutoff, and as many of each if it has them."""
    columns: dict[tuple[str, int], list[Entry]] = {}
    for entry in entries:
        columns.setdefault((entry.data, entry.cutoff_freq), []).append(entry)
    names: set[str] = set()
    # What small ones leave is for large ones.
    for index, column in enumerate(sorted(columns.values(), key=len)):
        num = min(len(column), max(1, (num_entries - len(names)) // (len(columns) - index)))
        names |= {column[place * len(column) // num].name for place in range(num)}
    return [entry for entry in entries if entry.name in names]
