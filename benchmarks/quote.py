"""The tables in README.md and docs/ whose rows are those of benchmarks/results: `python -m benchmarks.quote`.

Writes these rows anew, each found by its table's header, and says which documents changed. To be run whenever
`benchmarks.table1` has printed its results.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audiosr_pipeline.tables import markdown_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WITHOUT_FIGURE = "Without a figure in these columns: "
# A section's heading in the results, and a column there.
Source = tuple[str, str]
LSD = "LSD `ssr_eval`"


@dataclass(frozen=True)
class Quote:
    """A table in a document.

    Attributes:
        results: The file that its rows are those of.
        columns: Headings in the document, and where the cells are in the results.
    """

    results: str
    columns: tuple[tuple[str, Source], ...]

    @property
    def header(self) -> tuple[str, ...]:
        """The first row."""
        return "System", *(heading for heading, _ in self.columns)


QUOTES = (
    Quote(
        "mini.md",
        tuple(
            (f"{short} {freq} kHz", (f"ESC-10 fold 5, {freq} kHz", column))
            for column, short in (
                ("LSD", "LSD"),
                ("LSD below edge", "LSD to the edge"),
                ("Variance ratio", "Variance ratio"),
            )
            for freq in (4, 8)
        ),
    ),
    Quote(
        "table1.md",
        (
            ("ESC-10 4 kHz", (LSD, "ESC-10 fold 5, 4 kHz")),
            ("8 kHz", (LSD, "ESC-10 fold 5, 8 kHz")),
            ("16 kHz", (LSD, "ESC-10 fold 5, 16 kHz")),
            ("to the edge 4 kHz", ("ESC-10 fold 5, 4 kHz", "LSD to the edge")),
            ("8 kHz", ("ESC-10 fold 5, 8 kHz", "LSD to the edge")),
            ("variance ratio 4 kHz", ("ESC-10 fold 5, 4 kHz", "Variance ratio")),
            ("8 kHz", ("ESC-10 fold 5, 8 kHz", "Variance ratio")),
            ("AudioSR's page 4 kHz", (LSD, "AudioSR's page, 4 kHz")),
            ("NU-Wave's page 8 kHz", (LSD, "NU-Wave's page, 8 kHz")),
            ("NU-Wave 2's page 8 kHz", (LSD, "NU-Wave 2's page, 8 kHz")),
        ),
    ),
    Quote(
        "table1.md",
        tuple(
            (f"{short} {freq} kHz" if index == 0 else f"{freq} kHz", (LSD, f"{data}, {freq} kHz"))
            for short, data, freqs in (
                ("Music", "Pages' music", ("4", "8", "16")),
                ("NU-Wave's page", "NU-Wave's page", ("8", "12")),
                ("NU-Wave 2's", "NU-Wave 2's page", ("4", "6", "8", "12")),
                ("AP-BWE's", "AP-BWE's page", ("6", "12")),
                ("AERO's", "AERO's page", ("5.512", "6")),
                ("VoiceFixer's", "VoiceFixer's page", ("4", "12")),
            )
            for index, freq in enumerate(freqs)
        ),
    ),
)


def documents() -> list[Path]:
    """Where the tables may stand."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def read_tables(text: str) -> dict[Source, dict[str, str]]:
    """The cells of a Markdown document by section, column and first cell of their row."""
    cells: dict[Source, dict[str, str]] = {}
    section, header = "", None
    for line in text.splitlines():
        if line.startswith("#"):
            section = line.lstrip("#").strip()
        if not line.startswith("|"):
            header = None
            continue
        row = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if header is None:
            header = row
        elif set("".join(row)) != {"-"}:
            for column, cell in zip(header[1:], row[1:], strict=True):
                cells.setdefault((section, column), {})[row[0]] = cell
    return cells


def figure(cell: str) -> str:
    """What is quoted of a cell: its first number, without an interval; nothing if it isn't over all clips."""
    value = cell.split(" ")[0]
    return "" if value == "-" or re.search(r" n=\d", cell) else value


def quoted(quote: Quote, results: str) -> Iterator[str]:
    """The lines of a table, and one that names the rows that have nothing in its columns.

    Raises:
        ValueError: If the results have no such column.
    """
    tables = read_tables(results)
    if missing := [source for _, source in quote.columns if source not in tables]:
        section, column = missing[0]
        raise ValueError(f"{quote.results} has no column {column!r} under {section!r}: QUOTES asks for it.")
    systems = list(dict.fromkeys(system for cells in tables.values() for system in cells))
    rows = {system: [figure(tables[source].get(system, "-")) for _, source in quote.columns] for system in systems}
    yield from markdown_table(quote.header, [[system, *cells] for system, cells in rows.items() if any(cells)])
    if empty := [system for system, cells in rows.items() if not any(cells)]:
        yield ""
        yield f"{WITHOUT_FIGURE}{', '.join(empty)}."


def renewed(text: str, quote: Quote, results: str) -> str:
    """A document with the table's rows as the results have them; as it was, if the table isn't in it."""
    lines = text.split("\n")
    header = next(markdown_table(quote.header, []))
    if header not in lines:
        return text
    start = end = lines.index(header)
    while lines[end].startswith("|"):
        end += 1
    if lines[end + 1].startswith(WITHOUT_FIGURE):
        end += 2
    return "\n".join([*lines[:start], *quoted(quote, results), *lines[end:]])


def main() -> None:
    """Writes the tables anew."""
    for path in documents():
        before = text = path.read_text(encoding="utf-8")
        for quote in QUOTES:
            text = renewed(text, quote, (RESULTS / quote.results).read_text(encoding="utf-8"))
        if text != before:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: rows written anew")


if __name__ == "__main__":
    main()
