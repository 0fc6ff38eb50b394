"""The tables in README.md and docs/ whose rows are those of benchmarks/results: `python -m benchmarks.quote`.

Writes these rows anew, each found by its table's header, and says which documents changed. To be run whenever
`benchmarks.table1` has printed its results.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiosr_pipeline.tables import markdown_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WITHOUT_FIGURE = "Without a figure in these columns: "
# A section's heading in the results, and a column there.
Source = tuple[str, str]
LSD, ESC10 = "LSD `ssr_eval`", "ESC-10 fold 5"


@dataclass(frozen=True)
class Quote:
    """A table in a document.

    Attributes:
        results: The file that its rows are those of.
        header: Its first row in the document.
        columns: Where the cells of its columns, but for the first, are in the results.
    """

    results: str
    header: str
    columns: Sequence[Source]


PERCEPTUAL = ("ViSQOL", "Zimtohrli", "Envelope correlation")
QUOTES = (
    Quote(
        "pages.md",
        "| System | AudioSR's page 4 kHz: ViSQOL | Zimtohrli | correlation | AERO's 5.512 kHz: ViSQOL | Zimtohrli "
        "| correlation | AP-BWE's 6 kHz: ViSQOL | Zimtohrli | correlation | NU-Wave 2's 8 kHz: ViSQOL | Zimtohrli "
        "| correlation |",
        [
            (f"{page}'s page, {freq} kHz", name)
            for page, freq in (("AudioSR", "4"), ("AERO", "5.512"), ("AP-BWE", "6"), ("NU-Wave 2", "8"))
            for name in PERCEPTUAL
        ],
    ),
    Quote(
        "mini.md",
        "| System | LSD 4 kHz | LSD 8 kHz | LSD to the edge 4 kHz | LSD to the edge 8 kHz | Variance ratio 4 kHz "
        "| Variance ratio 8 kHz |",
        [(f"{ESC10}, {freq} kHz", name) for name in ("LSD", "LSD below edge", "Variance ratio") for freq in (4, 8)],
    ),
    Quote(
        "table1.md",
        "| System | ESC-10 4 kHz | 8 kHz | 16 kHz | to the edge 4 kHz | 8 kHz | variance ratio 4 kHz | 8 kHz "
        "| AudioSR's page 4 kHz | NU-Wave's page 8 kHz | NU-Wave 2's page 8 kHz |",
        [
            *((LSD, f"{ESC10}, {freq} kHz") for freq in (4, 8, 16)),
            *((f"{ESC10}, {freq} kHz", name) for name in ("LSD to the edge", "Variance ratio") for freq in (4, 8)),
            *((LSD, f"{page}'s page, {freq} kHz") for page, freq in (("AudioSR", 4), ("NU-Wave", 8), ("NU-Wave 2", 8))),
        ],
    ),
    Quote(
        "table1.md",
        "| System | Music 4 kHz | 8 kHz | 16 kHz | NU-Wave's page 8 kHz | 12 kHz | NU-Wave 2's 4 kHz | 6 kHz | 8 kHz "
        "| 12 kHz | AP-BWE's 6 kHz | 12 kHz | AERO's 5.512 kHz | 6 kHz | VoiceFixer's 4 kHz | 12 kHz |",
        [
            *((LSD, f"Pages' music, {freq} kHz") for freq in (4, 8, 16)),
            *((LSD, f"NU-Wave's page, {freq} kHz") for freq in (8, 12)),
            *((LSD, f"NU-Wave 2's page, {freq} kHz") for freq in (4, 6, 8, 12)),
            *((LSD, f"AP-BWE's page, {freq} kHz") for freq in (6, 12)),
            *((LSD, f"AERO's page, {freq} kHz") for freq in (5.512, 6)),
            *((LSD, f"VoiceFixer's page, {freq} kHz") for freq in (4, 12)),
        ],
    ),
)


def documents() -> list[Path]:
    """Where the tables may stand."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def cells_of(line: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


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
        row = cells_of(line)
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
    if missing := [source for source in quote.columns if source not in tables]:
        section, column = missing[0]
        raise ValueError(f"{quote.results} has no column {column!r} under {section!r}: QUOTES asks for it.")
    systems = list(dict.fromkeys(system for cells in tables.values() for system in cells))
    rows = {system: [figure(tables[source].get(system, "-")) for source in quote.columns] for system in systems}
    yield from markdown_table(
        cells_of(quote.header), [[system, *cells] for system, cells in rows.items() if any(cells)]
    )
    if empty := [system for system, cells in rows.items() if not any(cells)]:
        yield ""
        yield f"{WITHOUT_FIGURE}{', '.join(empty)}."


def renewed(text: str, quote: Quote, results: str) -> str:
    """A document with the table's rows as the results have them; as it was, if the table isn't in it."""
    lines = text.split("\n")
    if quote.header not in lines:
        return text
    start = end = lines.index(quote.header)
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
