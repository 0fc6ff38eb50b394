"""What the documents quote of the results: every row, with the figures as printed."""

import pytest

from benchmarks.quote import QUOTES, RESULTS, Quote, documents, figure, quoted, renewed

RESULT = """\
# Table 1

## LSD `ssr_eval`

| System | Music, 4 kHz |
|---|---|
| A | 1.50 [1.25, 1.75] |
| B | 2.50 [2.25, 2.75] n=3 |

| System | Pages, 8 kHz |
|---|---|
| A | - |
| C \\| D | 0.90 |

### Music, 4 kHz

| System | Variance ratio |
|---|---|
| A | 0.40 / 0.30 |
"""
LINES = ["| System | 4 kHz | variance ratio |", "|---|---|---|", "| A | 1.50 | 0.40 |", ""]
QUOTE = Quote("table1.md", LINES[0], [("LSD `ssr_eval`", "Music, 4 kHz"), ("Music, 4 kHz", "Variance ratio")])


@pytest.mark.parametrize("quote", QUOTES, ids=lambda quote: quote.columns[0][1])
def test_each_table_stands_in_one_document_and_its_rows_are_the_results(quote):
    results = (RESULTS / quote.results).read_text(encoding="utf-8")
    texts = {path: path.read_text(encoding="utf-8") for path in documents()}
    holders = [path for path, text in texts.items() if quote.header in text.splitlines()]
    assert len(holders) == 1, f"QUOTES and the documents differ about the table {quote.header}"
    assert renewed(texts[holders[0]], quote, results) == texts[holders[0]], "run python -m benchmarks.quote"


def test_every_row_is_quoted_or_named():
    assert list(quoted(QUOTE, RESULT)) == [*LINES, "Without a figure in these columns: B, C \\| D."]


def test_a_table_is_written_anew_in_its_place():
    old = "\n".join(["before", "", LINES[0], "| --- | --- | --- |", "| Z | 9.00 | 9.00 |", "", "after", ""])
    new = renewed(old, QUOTE, RESULT)
    assert new.split("\n") == ["before", "", *quoted(QUOTE, RESULT), "", "after", ""]
    assert renewed(new, QUOTE, RESULT) == new
    assert renewed("nothing of it", QUOTE, RESULT) == "nothing of it"


def test_a_column_that_is_gone_is_named():
    with pytest.raises(ValueError, match="no column 'Music, 4 kHz' under 'LSD `ssr_eval`'"):
        list(quoted(QUOTE, RESULT.replace("| System | Music, 4 kHz |", "| System | Music, 2 kHz |")))


@pytest.mark.parametrize(
    ("cell", "shown"), [("-", ""), ("1.20", "1.20"), ("1.20 [1.00, 1.40]", "1.20"), ("2.0 n=1", "")]
)
def test_a_figure_is_that_of_all_clips(cell, shown):
    assert figure(cell) == shown
