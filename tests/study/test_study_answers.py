"""Rows are counted or listed with a reason, and a key is one or an error."""

import csv
import io

import pytest

from audiosr_pipeline.csv_files import write_csv
from audiosr_pipeline.study.answers import FIELDS, KEY_FIELDS, parse_row, parse_rows, read_answers, read_key
from tests.study.simulated_listeners import STUDY, Panel, answer_rows, key_rows, write_answers, write_key, write_study

KEY_ROWS = key_rows({"musicgen": 3})


@pytest.fixture
def key(tmp_path):
    write_key(tmp_path / "key.csv", KEY_ROWS)
    return read_key(tmp_path / "key.csv")


def rows_of(num_listeners: int = 1) -> list[dict[str, str]]:
    return answer_rows(Panel(num_listeners), KEY_ROWS)


def text_of(rows: list[dict[str, str]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, FIELDS)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def test_every_row_of_a_study_counts(tmp_path):
    answers_file, key_file = write_study(tmp_path, Panel(3))
    key = read_key(key_file)
    answers, rejected = read_answers([answers_file], key)
    assert (len(answers), rejected) == (3 * len(key.trials), [])
    rating = next(answer for answer in answers if answer.question == "quality")
    assert (rating.stimulus_b, rating.seconds_b) == ("", 0.0)
    assert rating.submitted_at.utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("study", "0123"),
        ("listener", "=cmd()"),
        ("listener", ""),
        ("form", "-1"),
        ("position", "1.5"),
        ("position", "9" * 5_000),
        ("trial", "p 1"),
        ("trial", "../p001"),
        ("question", "taste"),
        ("stimulus_a", "original"),
        ("stimulus_b", ""),
        ("answer", "c"),
        ("answer", "5"),
        ("switches", "many"),
        ("seconds_a", "nan"),
        ("seconds_b", "1e9"),
        ("seconds_total", "-1"),
        ("submitted_at", "yesterday"),
        ("submitted_at", "2026-05-01T10:00:00"),
        ("submitted_at", "2026-05-01T10:00:00+02:00"),
        ("submitted_at", "2026-05-01=10:00:00Z"),
        ("submitted_at", "2026-05-01 10:00:00Z"),
        ("submitted_at", "2026-05-01T10:00:00Z "),
        ("submitted_at", "20260501T100000Z"),
        ("submitted_at", "2026-W18-5T10:00:00Z"),
        ("submitted_at", "2026-02-30T10:00:00Z"),
        ("submitted_at", "2026-05-01T25:00:00Z"),
        ("submitted_at", "２０２６-05-01T10:00:00Z"),
        ("trial", "-1-1"),
        ("device", "telephone"),
        ("bandwidth_hz", "13000"),
    ],
)
def test_a_malformed_field_costs_its_row_and_is_named(field, value):
    rows = rows_of()
    answers, rejected = parse_rows(text_of([rows[0], {**rows[1], field: value}, rows[2]]), "answers.csv")
    assert [answer.trial for _, answer in answers] == [rows[0]["trial"], rows[2]["trial"]]
    assert [(row.source, row.line, row.kind) for row in rejected] == [("answers.csv", 3, "malformed")]
    assert field in rejected[0].reason and len(rejected[0].reason) < 200


def test_both_sides_are_different_and_a_rating_has_one():
    rows = rows_of()
    with pytest.raises(ValueError, match="stimulus_a and stimulus_b are both"):
        parse_row({**rows[0], "stimulus_b": rows[0]["stimulus_a"]})
    rating = next(row for row in rows if row["question"] == "quality")
    with pytest.raises(ValueError, match="to be empty for quality"):
        parse_row({**rating, "stimulus_b": "0" * 12})
    with pytest.raises(ValueError, match="answer is '0'"):
        parse_row({**rating, "answer": "0"})


def test_a_row_has_the_fields_and_no_others():
    row = rows_of()[0]
    with pytest.raises(ValueError, match="lacks listener, device"):
        parse_row({name: value for name, value in row.items() if name not in ("listener", "device")})
    with pytest.raises(ValueError, match="not known: 'age'"):
        parse_row({**row, "age": "30"})


def test_what_stops_in_the_middle_costs_its_own_line_alone():
    lines = text_of(rows_of()[:4]).splitlines()
    # A quote that is never closed, a row that was cut, and bytes that are no text.
    lines[2] = '"' + lines[2]
    lines[3] = lines[3][:40]
    answers, rejected = parse_rows("\n".join([*lines, "\x00\ufffd,"]), "answers.csv")
    assert [line for line, _ in answers] == [2, 5]
    assert [row.line for row in rejected] == [3, 4, 6]


def test_joined_files_and_those_a_spreadsheet_saved_are_read():
    text = text_of(rows_of()[:2])
    joined = "\ufeff" + text + "\r\n" + text_of(rows_of()[2:4])
    answers, rejected = parse_rows(joined, "answers.csv")
    assert (len(answers), rejected) == (4, [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_a_spreadsheet_with_decimal_commas_saved_counts_as_what_it_opened(tmp_path, key, separator, encoding):
    rows = rows_of()
    rows[0]["seconds_total"] = "12.25"
    (tmp_path / "plain.csv").write_text(text_of(rows), encoding="utf-8")
    wanted, _ = read_answers([tmp_path / "plain.csv"], key)
    lines = [separator.join(FIELDS), 15 * separator]
    for row in rows:
        times = {name: row[name].replace(".", ",") for name in ("seconds_a", "seconds_b", "seconds_total")}
        lines.append(separator.join({**row, **times}[name] for name in FIELDS))
    (tmp_path / "saved.csv").write_bytes("\r\n".join(lines).encode(encoding))
    found, rejected = read_answers([tmp_path / "saved.csv"], key)
    assert (found, rejected) == (wanted, [])
    assert 12.25 in [answer.seconds_total for answer in found]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "is empty"), ("\n\n", "is empty"), (",".join(FIELDS), "holds no answers"), ("a;b\n1;2\n", "not the header")],
)
def test_a_file_without_answers_is_listed(text, reason):
    answers, rejected = parse_rows(text, "answers.csv")
    assert answers == [] and len(rejected) == 1 and reason in rejected[0].reason


def test_answers_of_another_study_or_trial_are_listed(tmp_path, key):
    rows = rows_of()
    others = [
        {**rows[1], "study": "f" * 16},
        {**rows[1], "trial": "p999"},
        {**rows[1], "stimulus_a": "0" * 12},
        {**rows[1], "trial": next(row["trial"] for row in rows if row["question"] == "quality")},
    ]
    write_answers(tmp_path / "answers.csv", [rows[0], *others])
    answers, rejected = read_answers([tmp_path / "answers.csv"], key)
    assert [answer.trial for answer in answers] == [rows[0]["trial"]]
    assert [row.kind for row in rejected] == ["another study"] + ["not in the key"] * 3
    for row, reason in zip(rejected, ("f" * 16, "no trial p999", "no stimulus 000000000000", "asks for"), strict=True):
        assert reason in row.reason


def test_of_two_answers_the_earliest_counts_in_whatever_order_they_come(tmp_path, key):
    row = {**rows_of()[0], "answer": "a"}
    changed = {**row, "answer": "b", "submitted_at": "2026-05-01T11:00:00Z"}
    write_answers(tmp_path / "late.csv", [changed])
    write_answers(tmp_path / "early.csv", [row, row])
    answers, rejected = read_answers([tmp_path / "late.csv", tmp_path / "early.csv"], key)
    assert [answer.answer for answer in answers] == ["a"]
    assert [(one.kind, one.line) for one in rejected] == [("duplicate", 3), ("duplicate", 2)]
    assert "the same row is in" in rejected[0].reason and "the answer 'a' of the same listener" in rejected[1].reason


def test_a_key_of_another_study_is_an_error_that_names_both(tmp_path):
    answers_file, _ = write_study(tmp_path, Panel(1))
    write_key(tmp_path / "other.csv", [("f" * 16, *row[1:]) for row in key_rows()])
    with pytest.raises(ValueError, match=rf"another study.*belongs to study {STUDY}, the key to {'f' * 16}"):
        read_answers([answers_file], read_key(tmp_path / "other.csv"))


def test_names_that_a_spreadsheet_would_run_are_read_as_they_were(tmp_path):
    rows = [(*row[:4], f"={row[4]}", f"@{row[5]}", row[6], row[7]) for row in key_rows()]
    write_csv(tmp_path / "key.csv", [KEY_FIELDS, *rows])
    assert "'=" in (tmp_path / "key.csv").read_text() and ",=" not in (tmp_path / "key.csv").read_text()
    trials = read_key(tmp_path / "key.csv").trials
    assert {trial.item for trial in trials.values()} == {row[4] for row in rows}
    assert {trial.generator for trial in trials.values()} == {row[5] for row in rows}


def test_a_key_that_a_spreadsheet_saved_is_read(tmp_path):
    write_csv(tmp_path / "key.csv", [KEY_FIELDS, *key_rows()])
    text = (tmp_path / "key.csv").read_text().replace(",", ";")
    (tmp_path / "saved.csv").write_text("\ufeff" + text, encoding="utf-8")
    assert read_key(tmp_path / "saved.csv") == read_key(tmp_path / "key.csv")


def test_a_lost_key_says_how_to_get_it_back(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"rebuilding the study from its manifest\.json"):
        read_key(tmp_path / "key.csv")


def test_a_missing_file_of_answers_is_an_error(tmp_path, key):
    with pytest.raises(FileNotFoundError, match="nothing.csv"):
        read_answers([tmp_path / "nothing.csv"], key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [], "holds 0 studies"),
        (lambda rows: [*rows, ("f" * 16, *rows[0][1:])], "contradicts or repeats"),
        (lambda rows: [*rows[:-1], ("f" * 16, *rows[-1][1:])], "holds 2 studies"),
        (lambda rows: rows[1:], "has 1 stimuli, not 2"),
        (lambda rows: [(*rows[0][:3], "surprise", *rows[0][4:]), *rows[1:]], "role 'surprise'"),
        (lambda rows: [rows[0][:5], *rows[1:]], "has empty fields"),
        (lambda rows: [(*row[:7], "original") for row in rows], "not one of its sides is lowpassed"),
    ],
)
def test_a_key_that_contradicts_itself_is_an_error(change, message, tmp_path):
    write_key(tmp_path / "key.csv", change(KEY_ROWS))
    with pytest.raises(ValueError, match=message):
        read_key(tmp_path / "key.csv")


def test_answers_are_no_key(tmp_path):
    answers_file, _ = write_study(tmp_path, Panel(1))
    with pytest.raises(ValueError, match="is not a key: it has no column .*its first line names"):
        read_key(answers_file)
