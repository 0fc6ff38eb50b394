"""Tables as text."""

import pytest

from audiosr_pipeline.tables import aligned_table, markdown_table


def test_a_markdown_table_keeps_what_is_in_a_cell_in_it():
    lines = list(markdown_table(("a", "b | c"), [("1", 2), ("x|y", "two\nlines"), ("", "|")]))
    assert lines == [
        r"| a | b \| c |",
        "|---|---|",
        "| 1 | 2 |",
        r"| x\|y | two lines |",
        r"| | \| |",
    ]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a row has 1 cells, the header 2"):
        list(markdown_table(("a", "b"), [("1",)]))


def test_cells_stand_below_each_other():
    assert list(aligned_table([["", "one", "two"], ["longer", "1", ""]])) == ["        one  two", "longer  1"]
