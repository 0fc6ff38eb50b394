"""What is written for spreadsheets does nothing there and is read unchanged; what they save is read."""

import csv

import pytest

from audiosr_pipeline.csv_files import inert, original, read_csv, write_csv

FORMULAS = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", '=HYPERLINK("http://x","y")', "-1-1"]


@pytest.mark.parametrize("text", [*FORMULAS, *(f"a;{formula}" for formula in FORMULAS), "a\n=1", "a\t@b", "'=1", "''@"])
def test_no_formula_begins_a_cell_and_the_text_comes_back(text):
    for cell in inert(text).replace("\t", ";").replace("\n", ";").replace("\r", ";").split(";"):
        assert not cell or cell[0] not in "=+-@＝＋－＠"
    assert inert(text)[0] not in "\t\r\n"
    assert original(inert(text)) == text


@pytest.mark.parametrize("text", ["", "a", "a=1", "a-b", "it's", "'", "'a", "-3.5", "+1e-05", "12", "-0", "speech/a 1"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert inert(text) == original(text) == text


def test_a_table_is_written_so_and_read_unchanged(tmp_path):
    rows = [("name", "value"), *((text, number) for number, text in enumerate([*FORMULAS, 'a,"b"', "ü"]))]
    write_csv(tmp_path / "table.csv", rows)
    _, found = read_csv(tmp_path / "table.csv", ["name"])
    assert [(original(row["name"]), int(row["value"])) for _, row in found] == rows[1:]
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        assert [row[0] for row in csv.reader(file)][1:3] == ["'=1+1", "'+A1"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read(tmp_path, separator, mark, line):
    lines = ["path,licence,notes", "a.wav,CC0,ü", '"b;,\t.wav",CC0,', ",,", ""]
    table = line.join([*lines[:2], lines[2].replace('",CC0,', '"|CC0|').replace("|", separator), *lines[3:]])
    table = mark + (table if separator == "," else table.replace('"b;,\t.wav"', "@").replace(",", separator))
    (tmp_path / "table.csv").write_bytes(table.replace("@", '"b;,\t.wav"').encode())
    names, rows = read_csv(tmp_path / "table.csv", ["path", "licence"])
    assert names == ["path", "licence", "notes"]
    assert list(rows) == [
        (2, {"path": "a.wav", "licence": "CC0", "notes": "ü"}),
        (3, {"path": "b;,\t.wav", "licence": "CC0", "notes": ""}),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"no column licence, path; its first line names \[\]"),
        (b"path,x\na,b\n", r"no column licence; its first line names \['path', 'x'\]"),
        ("path,licence\nü,CC0\n".encode("cp1252"), "is not in UTF-8 .*CSV UTF-8"),
        # Of a byte too few.
        ("path\tlicence\n".encode("utf-16")[:-1], "is not in UTF-8"),
        (b"path,licence\na,b,c\n", "line 2 has more than 2 cells"),
    ],
)
def test_what_is_no_such_table_is_told(tmp_path, data, message):
    (tmp_path / "table.csv").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        list(read_csv(tmp_path / "table.csv", ["path", "licence"])[1])
