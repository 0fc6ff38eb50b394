"""Tables as lines of text: in Markdown for documents, in aligned columns for terminals."""

from collections.abc import Iterable, Iterator, Sequence


def markdown_table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a Markdown table.

    Args:
        header: Cells of the first row.
        rows: Cells of the others. Whatever is in a cell stays in it: a `|` is escaped, a line break becomes a space.

    Raises:
        ValueError: If a row has more or fewer cells than the header.
    """
    yield _markdown_row(header)
    yield "|---" * len(header) + "|"
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells, the header {len(header)}: {row}")
        yield _markdown_row(row)


def _markdown_row(cells: Sequence[object]) -> str:
    texts = (" ".join(str(cell).splitlines()).replace("|", r"\|") for cell in cells)
    return f"|{'|'.join(f' {text} ' if text else ' ' for text in texts)}|"


def aligned_table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines whose cells stand below each other, two spaces apart; all rows have as many cells."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
