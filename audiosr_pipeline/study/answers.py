"""Answers of listeners and the key that says what they heard: read, checked, nothing dropped without a reason."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audiosr_pipeline.csv_files import SEPARATORS, decoded, original, read_csv

FIELDS = (
    "study",
    "listener",
    "form",
    "position",
    "trial",
    "question",
    "stimulus_a",
    "stimulus_b",
    "answer",
    "switches",
    "seconds_a",
    "seconds_b",
    "seconds_total",
    "submitted_at",
    "device",
    "bandwidth_hz",
)
KEY_FIELDS = ("study", "trial", "question", "role", "item", "generator", "stimulus", "system")
# What can be answered to each question.
OUT_OF_100 = tuple(str(rating) for rating in range(1, 101))
ANSWERS = {
    "preference": ("a", "b", "none"),
    "quality": ("1", "2", "3", "4", "5"),
    "overall": OUT_OF_100,
    "relevance": OUT_OF_100,
    "audio_quality": OUT_OF_100,
}
# Those that are about the prompt, which listeners then read.
PROMPTED = ("overall", "relevance")
ROLES = ("test", "training", "identical", "lowpassed")
DEVICES = ("headphones", "loudspeakers")
# The highest tone of the check that a listener heard; 0 if none.
BANDWIDTHS_HZ = ("0", "12000", "14000", "16000")
# In them, spreadsheets write commas where decimals have such.
TIMES = ("seconds_a", "seconds_b", "seconds_total")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?(Z|\+00:00)")
# The system of the obviously low-passed side of an attention check.
LOWPASSED = "lowpassed"


@dataclass(frozen=True)
class Answer:
    """One answered trial.

    Attributes:
        study: Hash of the study.
        listener: Random name of the listener.
        form: Number of the order in which the trials were presented, from 0.
        position: Place of the trial in it, from 1.
        trial: Name of the trial.
        question: A key of `ANSWERS`.
        stimulus_a: What was presented first, or alone.
        stimulus_b: What was presented second; empty for all but `"preference"`.
        answer: One of `ANSWERS[question]`.
        switches: How often the listener went from one side to the other.
        seconds_a: Time in s that `stimulus_a` was heard.
        seconds_b: The same of `stimulus_b`; 0 for all but `"preference"`.
        seconds_total: Time in s that the trial took.
        submitted_at: When it was answered.
        device: One of `DEVICES`.
        bandwidth_hz: Highest tone in Hz that the listener heard in the check.
    """

    study: str
    listener: str
    form: int
    position: int
    trial: str
    question: str
    stimulus_a: str
    stimulus_b: str
    answer: str
    switches: int
    seconds_a: float
    seconds_b: float
    seconds_total: float
    submitted_at: datetime
    device: str
    bandwidth_hz: int


@dataclass(frozen=True)
class Rejected:
    """A row that isn't counted.

    Attributes:
        source: File that holds it.
        line: Its line in the file, from 1.
        kind: `"malformed"`, `"another study"`, `"not in the key"` or `"duplicate"`.
        reason: What is wrong with it.
    """

    source: str
    line: int
    kind: str
    reason: str


@dataclass(frozen=True)
class Trial:
    """One question of a study, as the key has it.

    Attributes:
        name: Its name in the answers.
        question: A key of `ANSWERS`.
        role: One of `ROLES`.
        item: What was generated: the pair of `test` trials has one item.
        generator: What generated it.
        systems: The system of each stimulus: two for `"preference"`, else one.
    """

    name: str
    question: str
    role: str
    item: str
    generator: str
    systems: Mapping[str, str]


@dataclass(frozen=True)
class Key:
    """What the listeners of a study heard: its hash, and its trials by name."""

    study: str
    trials: Mapping[str, Trial]


def _matching(pattern: str, what: str) -> Callable[[str, str], str]:
    def convert(name: str, value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{name} is {shortened(value)}, not {what}")
        return value

    return convert


def _one_of(*accepted: str) -> Callable[[str, str], str]:
    def convert(name: str, value: str) -> str:
        if value not in accepted:
            few = accepted if len(accepted) < 10 else (*accepted[:2], "...", accepted[-1])
            raise ValueError(f"{name} is {shortened(value)}, not one of {', '.join(few)}")
        return value

    return convert


# Not with a hyphen first, which a spreadsheet would take for a minus.
_name = _matching(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", "a name of letters, digits, - and _")
_stimulus = _matching(r"[0-9a-f]{12}", "12 hexadecimal digits")
_listener = _stimulus
_study = _matching(r"[0-9a-f]{16}", "16 hexadecimal digits")
# Bounded, so that what is posted can't be a number that nothing can hold.
_whole = _matching(r"[0-9]{1,9}", "a whole number")
_seconds = _matching(r"[0-9]{1,9}(\.[0-9]{1,9})?", "a time in seconds")


def parse_row(row: Mapping[str, str]) -> Answer:
    """The answer that a row of `FIELDS` holds.

    Args:
        row: The text of each field. No accepted value holds a comma, a quote, a line break or a spreadsheet's formula.

    Returns:
        The answer, as far as it can be checked without the key.

    Raises:
        ValueError: If a field is missing, unknown, or has a value that isn't accepted; says which.
    """
    if missing := [name for name in FIELDS if not isinstance(row.get(name), str)]:
        raise ValueError(f"lacks {', '.join(missing)}")
    if unknown := [str(name) for name in row if name not in FIELDS]:
        raise ValueError(f"has fields that are not known: {shortened(', '.join(unknown))}")
    question = _one_of(*ANSWERS)("question", row["question"])
    is_pair = question == "preference"
    if not is_pair and (row["stimulus_b"] or row["seconds_b"]):
        raise ValueError(f"stimulus_b and seconds_b are to be empty for {question}")
    stimulus_a = _stimulus("stimulus_a", row["stimulus_a"])
    stimulus_b = _stimulus("stimulus_b", row["stimulus_b"]) if is_pair else ""
    if stimulus_a == stimulus_b:
        raise ValueError(f"stimulus_a and stimulus_b are both {stimulus_a}")
    return Answer(
        study=_study("study", row["study"]),
        listener=_listener("listener", row["listener"]),
        form=int(_whole("form", row["form"])),
        position=int(_whole("position", row["position"])),
        trial=_name("trial", row["trial"]),
        question=question,
        stimulus_a=stimulus_a,
        stimulus_b=stimulus_b,
        answer=_one_of(*ANSWERS[question])("answer", row["answer"]),
        switches=int(_whole("switches", row["switches"])),
        seconds_a=float(_seconds("seconds_a", row["seconds_a"])),
        seconds_b=float(_seconds("seconds_b", row["seconds_b"])) if is_pair else 0.0,
        seconds_total=float(_seconds("seconds_total", row["seconds_total"])),
        submitted_at=_utc(row["submitted_at"]),
        device=_one_of(*DEVICES)("device", row["device"]),
        bandwidth_hz=int(_one_of(*BANDWIDTHS_HZ)("bandwidth_hz", row["bandwidth_hz"])),
    )


def parse_rows(text: str, source: str) -> tuple[list[tuple[int, Answer]], list[Rejected]]:
    """The answers in the text of a CSV file.

    Args:
        text: What the file holds: a header of `FIELDS`, then one row per answered trial. Empty lines and repetitions of
            the header, as joined files have them, are passed over. A spreadsheet may have saved it with semicolons or
            tabs between fields, and commas in decimals.
        source: Name of the file.

    Returns:
        The answers with the lines that hold them, and the lines that hold none, with reasons.
    """
    answers: list[tuple[int, Answer]] = []
    rejected: list[Rejected] = []
    has_header, separator = False, SEPARATORS[0]
    # Line by line, as no field holds a line break: a quote that is never closed would take all rows after it.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip("".join(SEPARATORS) + " \r"):
            continue
        try:
            line = line.rstrip("\r")
            if header := separator_of(line):
                has_header, separator = True, header
                continue
            values = next(csv.reader([line], delimiter=separator, strict=True))
            if not has_header:
                raise ValueError(f"the first line is {shortened(line)}, not the header {','.join(FIELDS)}")
            if len(values) != len(FIELDS):
                raise ValueError(f"has {len(values)} fields instead of {len(FIELDS)}")
            row = dict(zip(FIELDS, values, strict=True))
            if separator != ",":
                row |= {name: row[name].replace(",", ".") for name in TIMES}
            answers.append((number, parse_row(row)))
        except (csv.Error, ValueError) as error:
            rejected.append(Rejected(source, number, "malformed", str(error)))
            if not has_header:
                break
    if not answers and not rejected:
        rejected.append(Rejected(source, 1, "malformed", "holds no answers" if has_header else "is empty"))
    return answers, rejected


def separator_of(line: str) -> str | None:
    """What stands between the fields of a file whose first line is `line`; None if that isn't the header of answers."""
    return next((each for each in SEPARATORS if line.replace('"', "") == each.join(FIELDS)), None)


def read_answers(files: Sequence[Path | str], key: Key) -> tuple[list[Answer], list[Rejected]]:
    """The answers of a study, each trial of a listener once.

    Of several answers of one listener to one trial the earliest counts, as the later ones can have been given with
    knowledge of other trials.

    Args:
        files: CSV files as the page downloads them and `study serve` writes them.
        key: The study's.

    Returns:
        Answers that count, in the order in which they were submitted, and all rows that don't, with reasons.

    Raises:
        FileNotFoundError: If a file doesn't exist.
        ValueError: If no row counts; says why.
    """
    found: list[tuple[Answer, str, int]] = []
    rejected: list[Rejected] = []
    for file in files:
        if not Path(file).is_file():
            raise FileNotFoundError(f"{file} is not a file.")
        # What can't be decoded fails the checks of its own row.
        rows, malformed = parse_rows(decoded(Path(file).read_bytes(), errors="replace"), str(file))
        rejected += malformed
        for line, answer in rows:
            try:
                check_against_key(answer, key)
                found.append((answer, str(file), line))
            except ValueError as error:
                kind = "not in the key" if answer.study == key.study else "another study"
                rejected.append(Rejected(str(file), line, kind, str(error)))
    if not found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(row.kind for row in rejected).items())
        first = f"; the first: {rejected[0].source}, line {rejected[0].line}: {rejected[0].reason}" if rejected else ""
        raise ValueError(
            f"no row of {len(files)} files can be counted for study {key.study} ({kinds or 'no files'}){first}. "
            "Give the answers and the key.csv of one study."
        )
    counted: dict[tuple[str, str], tuple[Answer, str, int]] = {}
    for answer, source, line in sorted(found, key=lambda row: row[0].submitted_at):
        earlier = counted.setdefault((answer.listener, answer.trial), (answer, source, line))
        if earlier[1:] != (source, line):
            what = "the same row" if earlier[0] == answer else f"the answer {earlier[0].answer!r} of the same listener"
            reason = f"trial {answer.trial}: {what} is in {earlier[1]}, line {earlier[2]}"
            rejected.append(Rejected(source, line, "duplicate", reason))
    return [answer for answer, _, _ in counted.values()], rejected


def check_against_key(answer: Answer, key: Key) -> None:
    """Raises a ValueError that says why an answer isn't one of the study's."""
    if answer.study != key.study:
        raise ValueError(f"belongs to study {answer.study}, the key to {key.study}")
    trial = key.trials.get(answer.trial)
    if trial is None:
        raise ValueError(f"the key has no trial {answer.trial}")
    if trial.question != answer.question:
        raise ValueError(f"trial {answer.trial} asks for {trial.question}, the row answers {answer.question}")
    heard = {answer.stimulus_a, answer.stimulus_b} - {""}
    if heard != trial.systems.keys():
        raise ValueError(f"trial {answer.trial} has no stimulus {', '.join(sorted(heard - trial.systems.keys()))}")


def read_key(path: Path | str) -> Key:
    """The key of a study.

    Args:
        path: `key.csv` as `study build` writes it: a row of `KEY_FIELDS` per trial and stimulus.

    Raises:
        FileNotFoundError: If there is no such file; says how to get it back.
        ValueError: If it isn't a key, or contradicts itself.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{path} is not a file: the answers name stimuli by random names, and key.csv alone says what they are. If "
            "it is lost, rebuilding the study from its manifest.json writes the same key again."
        )
    try:
        _, rows = read_csv(path, KEY_FIELDS)
        cells = list(rows)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is not a key: {error}; accepted is what study build wrote.") from error
    studies: set[str] = set()
    parts: dict[str, tuple[str, str, str, str]] = {}
    systems: dict[str, dict[str, str]] = {}
    for number, cell_of in cells:
        where = f"{path}, line {number}"
        row = {name: original(cell_of.get(name, "")) for name in KEY_FIELDS}
        if not all(row.values()):
            raise ValueError(f"{where}: has empty fields; accepted are {len(KEY_FIELDS)}, all filled.")
        if row["question"] not in ANSWERS or row["role"] not in ROLES:
            raise ValueError(
                f"{where}: question is {shortened(row['question'])} and role {shortened(row['role'])}; accepted are "
                f"{', '.join(ANSWERS)} and {', '.join(ROLES)}."
            )
        studies.add(row["study"])
        trial = row["question"], row["role"], row["item"], row["generator"]
        if parts.setdefault(row["trial"], trial) != trial or row["stimulus"] in systems.get(row["trial"], {}):
            raise ValueError(f"{where}: contradicts or repeats an earlier row of trial {row['trial']}.")
        systems.setdefault(row["trial"], {})[row["stimulus"]] = row["system"]
    if len(studies) != 1:
        raise ValueError(
            f"{path} holds {len(studies)} studies, not one: {', '.join(sorted(studies)) or 'it is empty'}."
        )
    for name, (question, role, *_) in parts.items():
        num_stimuli = 2 if question == "preference" else 1
        if len(systems[name]) != num_stimuli:
            raise ValueError(f"{path}: {question} trial {name} has {len(systems[name])} stimuli, not {num_stimuli}.")
        if role == "lowpassed" and list(systems[name].values()).count(LOWPASSED) != 1:
            raise ValueError(f"{path}: trial {name} checks attention, but not one of its sides is {LOWPASSED}.")
    return Key(studies.pop(), {name: Trial(name, *trial, systems[name]) for name, trial in parts.items()})


def shortened(text: str, length: int = 60) -> str:
    """A piece of a file as an error can show it: quoted, and not longer than a line."""
    return repr(text if len(text) <= length else text[:length] + "…")


def _utc(text: str) -> datetime:
    # The profile of ISO 8601 that JavaScript and RFC 3339 share: `fromisoformat` takes anything for the T.
    if TIME.fullmatch(text):
        # Before Python 3.11, it doesn't know the Z. No such day, no such hour: it raises.
        with suppress(ValueError):
            return datetime.fromisoformat(text.replace("Z", "+00:00"))
    raise ValueError(f"submitted_at is {shortened(text)}, not a time such as 2026-01-31T12:00:00.000Z")
