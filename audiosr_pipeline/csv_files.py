"""CSV files as people use them: opened in spreadsheets, where nothing in them may act, and saved from there."""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

# A spreadsheet takes what begins so for a formula; some read the wide signs too, and a line break or, where decimals
# have commas, a semicolon begins a new cell (OWASP, "CSV Injection").
FORMULA = re.compile(r"(?:^|(?<=[;\t\r\n]))(?='*[=+\-@\t\r\n＝＋－＠])")
MADE_INERT = re.compile(r"(?:^|(?<=[;\t\r\n]))'(?='*[=+\-@\t\r\n＝＋－＠])")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?", re.IGNORECASE)
# The second is what spreadsheets write where decimals have commas.
SEPARATORS = ",;\t"


def inert(value: object) -> str:
    """What a cell is written as: an apostrophe stands before what would be a formula. Numbers stay as they are."""
    text = "" if value is None else str(value)
    return text if NUMBER.fullmatch(text) else FORMULA.sub("'", text)


def original(text: str) -> str:
    """What `inert` was given."""
    return MADE_INERT.sub("", text)


def number_text(value: float) -> str:
    """A number in six significant digits; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.6g}"


def write_csv(path: Path | str, rows: Iterable[Iterable[object]]) -> None:
    """Writes rows of cells, each `inert`, in UTF-8; bytes in names of files that aren't become escapes."""
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        csv.writer(file).writerows(map(inert, row) for row in rows)


def decoded(data: bytes, errors: str = "strict") -> str:
    """The text of a file in UTF-8, with or without a byte order mark, or in UTF-16 with one, as of "Unicode text".

    Args:
        data: The file.
        errors: As of `bytes.decode`.
    """
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf_16 else "utf-8-sig", errors)


def read_csv(path: Path | str, columns: Sequence[str]) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Reads a CSV file that a program or a spreadsheet wrote.

    It may have a byte order mark. It is separated by commas, semicolons or tabs, whichever its first line has the
    columns with. Lines without a value are passed over.

    Args:
        path: File in UTF-8 or, with a byte order mark, UTF-16, whose first line names the columns.
        columns: Those that it has to have.

    Returns:
        The columns that it has; and of each row the line in the file that it ends on, from 1, and its cells, as they
        are written, by column; those that it lacks are missing.

    Raises:
        ValueError: If the file is in neither or lacks a column, or at a row, if that has more cells than columns.
    """
    data = Path(path).read_bytes()
    try:
        text = decoded(data)
    except UnicodeDecodeError as error:
        raise ValueError(f'is not in UTF-8 ({error}): save it as "CSV UTF-8"') from error
    readers = {
        separator: csv.DictReader(io.StringIO(text, newline=""), delimiter=separator) for separator in SEPARATORS
    }
    missing = {separator: set(columns) - set(reader.fieldnames or ()) for separator, reader in readers.items()}
    separator = min(SEPARATORS, key=lambda separator: len(missing[separator]))
    names = list(readers[separator].fieldnames or ())
    if missing[separator]:
        raise ValueError(f"it has no column {', '.join(sorted(missing[separator]))}; its first line names {names}")

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        for row in readers[separator]:
            number = readers[separator].line_num
            if None in row:
                raise ValueError(f"line {number} has more than {len(names)} cells")
            if any(row.values()):
                yield number, {name: value for name, value in row.items() if value is not None}

    return names, rows()
