import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from audiosr_pipeline.study.answers import FIELDS, TIMES, parse_row, parse_rows
from audiosr_pipeline.study.serve import MAX_POST_BYTES, AnswerLog, StudyServer, build_server, serve_study
from tests.study.small_study import STUDY, stimulus_name, write_small_study

JSON = {"Content-Type": "application/json"}


def an_answer(**changes) -> dict[str, str]:
    """A good answer to the second trial of form 0."""
    values = [STUDY, "a" * 12, "0", "2", "p001", "preference", stimulus_name(2), stimulus_name(3), "b"]
    values += ["3", "2.50", "3.10", "9.00", "2026-01-31T12:00:00.000Z", "headphones", "14000"]
    return dict(zip(FIELDS, values, strict=True)) | changes


@pytest.fixture
def server(tmp_path) -> Iterator[StudyServer]:
    write_small_study(tmp_path, seconds=0.1)
    (tmp_path / "key.csv").write_text("secret")
    with build_server(tmp_path / "page", tmp_path / "answers.csv", "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, method, path, body=None, headers=JSON) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    result = response.status, response.read()
    connection.close()
    return result


def post(server, answer) -> tuple[int, dict]:
    status, body = ask(server, "POST", "/answers", json.dumps(answer))
    return status, json.loads(body)


def rows_in(path) -> list:
    """The answers in a file, in which nothing else may be."""
    answers, rejected = parse_rows(path.read_text(), str(path))
    assert rejected == []
    return [answer for _, answer in answers]


def test_an_answer_is_appended_once(server, tmp_path):
    assert post(server, an_answer()) == (200, {"saved": True, "new": True})
    # As the page asks again when it didn't get the first confirmation.
    assert post(server, an_answer(answer="a")) == (200, {"saved": True, "new": False})
    text = (tmp_path / "answers.csv").read_bytes().decode()
    assert text == ",".join(FIELDS) + "\r\n" + ",".join(an_answer().values()) + "\r\n"


def test_listeners_who_post_at_once_lose_nothing(server, tmp_path):
    answers = [an_answer(listener=f"{index:012x}") for index in range(60)]
    with ThreadPoolExecutor(12) as pool:
        # Each of them twice.
        results = list(pool.map(lambda answer: post(server, answer), answers + answers))
    assert [status for status, _ in results] == [200] * 120
    assert sum(result["new"] for _, result in results) == 60
    assert {answer.listener for answer in rows_in(tmp_path / "answers.csv")} == {each["listener"] for each in answers}
    assert len(rows_in(tmp_path / "answers.csv")) == 60


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"study": "f" * 16}, "study is ffffffffffffffff"),
        ({"form": "2"}, "form 2 has no position 2"),
        ({"position": "9"}, "form 0 has no position 9"),
        ({"position": "0"}, "form 0 has no position 0"),
        ({"form": "-1"}, "form is '-1', not a whole number"),
        ({"trial": "p002"}, "the answer is to"),
        ({"stimulus_a": stimulus_name(3), "stimulus_b": stimulus_name(2)}, "the answer is to"),
        ({"stimulus_a": "../../../etc"}, "stimulus_a is"),
        ({"answer": "c"}, "answer is 'c', not one of a, b, none"),
        ({"answer": "b\r\nx,y"}, "answer is"),
        ({"device": "=cmd()"}, "device is"),
        ({"submitted_at": "2026-01-31=12:00:00.000Z"}, "submitted_at is"),
        ({"trial": "-1-1"}, "trial is"),
        ({"switches": 3}, "lacks switches"),
        ({"extra": "1"}, "not known: 'extra'"),
    ],
)
def test_what_is_no_answer_to_the_study_is_refused(server, tmp_path, changes, reason):
    status, result = post(server, an_answer(**changes))
    assert (status, result["saved"]) == (400, False)
    assert reason in result["reason"]
    assert (tmp_path / "answers.csv").read_text().split() == [",".join(FIELDS)]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "{}", "[" * 2000, b"\xff\xfe", '{"study": NaN}'])
def test_what_is_no_json_object_is_refused(server, body):
    assert ask(server, "POST", "/answers", body)[0] == 400


def test_an_oversized_answer_is_refused_unread(server):
    status, body = ask(server, "POST", "/answers", json.dumps(an_answer(extra="x" * MAX_POST_BYTES)))
    assert status == 413
    assert b"at most 4096 bytes" in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json", "Transfer-Encoding": "chunked"}, 411),
        ({"Content-Type": "application/json", "Content-Length": "-5"}, 411),
        ({"Content-Type": "application/json", "Content-Length": "9" * 5000}, 413),
        ({"Content-Type": "application/json", "Content-Length": "4097"}, 413),
        ({"Content-Type": "application/json", "Content-Length": "000000000031457280"}, 413),
        ({"Content-Type": "application/json", "Content-Length": "0" * 30 + "31457280"}, 413),
        ({"Content-Type": "application/json", "Content-Length": "+5"}, 411),
        ({"Content-Type": "application/json", "Content-Length": "5, 5"}, 411),
        ({"Content-Type": "application/json", "Content-Length": "5_0"}, 411),
        ({"Content-Type": "application/json", "Content-Length": "\u00b2"}, 411),
        ({"Content-Type": "application/json", "Content-Length": "5", "Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_headers_that_do_not_fit_are_refused(server, headers, status):
    assert ask(server, "POST", "/answers", None, headers)[0] == status


def test_two_lengths_are_refused(server):
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    connection.putrequest("POST", "/answers")
    for name, value in (*JSON.items(), ("Content-Length", "2"), ("Content-Length", "31457280")):
        connection.putheader(name, value)
    connection.endheaders(b"{}")
    assert connection.getresponse().status == 411
    connection.close()


def test_a_page_with_names_that_lead_out_of_its_folder_is_not_served(tmp_path):
    write_small_study(tmp_path, seconds=0.1)
    index = tmp_path / "page/index.html"
    index.write_text(index.read_text("utf-8").replace(f'"a": "{stimulus_name(2)}"', '"a": "../../key"'), "utf-8")
    with pytest.raises(ValueError, match="page with the stimulus '../../key'"):
        build_server(tmp_path / "page", tmp_path / "answers.csv", "127.0.0.1", 0)


@pytest.mark.parametrize("path", ["/", "/index.html", "/?form=1", f"/stimuli/{stimulus_name(0)}.js"])
def test_the_page_is_served(server, tmp_path, path):
    name = path.split("?")[0].removesuffix("/") or "/index.html"
    assert ask(server, "GET", path) == (200, (tmp_path / f"page{name}").read_bytes())
    assert ask(server, "HEAD", path) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../key.csv",
        "/stimuli/../../key.csv",
        "/stimuli/..%2f..%2fkey.csv",
        "/%2e%2e/key.csv",
        "//key.csv",
        "/stimuli/",
        "/stimuli",
        "/answers",
        "/answers.csv",
        "/study.json",
        "/index.html/",
        "/index.html%00",
        "\\..\\key.csv",
        "http://127.0.0.1/key.csv",
    ],
)
def test_nothing_but_the_page_is_served(server, path):
    status, body = ask(server, "GET", path)
    assert status == 404
    assert b"secret" not in body


@pytest.mark.parametrize(("method", "status"), [("PUT", 501), ("DELETE", 501), ("OPTIONS", 501), ("POST", 404)])
def test_nothing_but_asking_and_answering_is_possible(server, method, status):
    assert ask(server, method, "/", json.dumps(an_answer()))[0] == status


def test_a_row_that_broke_off_does_not_swallow_the_next(tmp_path):
    path = tmp_path / "answers.csv"
    row = an_answer()
    AnswerLog(path, STUDY).add(parse_row(row), row)
    path.write_text(path.read_text() + "0123456789abcdef,bbbb")
    log = AnswerLog(path, STUDY)
    assert not log.add(parse_row(row), row)
    later = an_answer(listener="c" * 12)
    assert log.add(parse_row(later), later)
    answers, rejected = parse_rows(path.read_text(), "answers.csv")
    assert [answer.listener for _, answer in answers] == ["a" * 12, "c" * 12]
    assert [row.line for row in rejected] == [3]


@pytest.mark.parametrize("text", [None, "", ",".join(FIELDS), ",".join(FIELDS) + "\n"])
def test_a_file_that_is_moved_away_or_saved_by_another_program_takes_further_answers(server, tmp_path, text):
    path = tmp_path / "answers.csv"
    post(server, an_answer())
    path.rename(tmp_path / "first_day.csv")
    if text is not None:
        path.write_text(text)
    assert post(server, an_answer(listener="b" * 12)) == (200, {"saved": True, "new": True})
    assert [answer.listener for answer in rows_in(path)] == ["b" * 12]
    assert [answer.listener for answer in rows_in(tmp_path / "first_day.csv")] == ["a" * 12]


@pytest.mark.parametrize("separator", ",;\t")
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_that_a_spreadsheet_saved_takes_further_answers_as_it_is(tmp_path, separator, mark):
    """Where semicolons stand between fields, decimals have commas."""
    path = tmp_path / "answers.csv"
    row = an_answer(seconds_total="7.25")
    cells = [value.replace(".", ",") if name in TIMES and separator == ";" else value for name, value in row.items()]
    lines = [separator.join(FIELDS), separator.join(cells)]
    path.write_text(mark + "\n".join(lines) + "\n", encoding="utf-8")
    log = AnswerLog(path, STUDY)
    assert not log.add(parse_row(row), row)
    later = {**row, "listener": "c" * 12}
    assert log.add(parse_row(later), later)
    added = path.read_bytes().decode().splitlines()[2]
    assert added == separator.join(cells).replace(row["listener"], "c" * 12)
    assert rows_in(path) == [parse_row(row), parse_row(later)]


def test_an_answer_is_not_confirmed_that_would_stand_in_a_file_of_something_else(server, tmp_path):
    """As when the file was saved as "Unicode text", which is UTF-16, while the test goes on."""
    path = tmp_path / "answers.csv"
    post(server, an_answer())
    saved = path.read_text(encoding="utf-8").encode("utf-16")
    path.write_bytes(saved)
    status, result = post(server, an_answer(listener="b" * 12))
    assert (status, result["saved"]) == (507, False)
    assert "isn't a file of answers in UTF-8 any more: move it away" in result["reason"]
    assert path.read_bytes() == saved
    path.rename(tmp_path / "first_day.csv")
    assert post(server, an_answer(listener="b" * 12)) == (200, {"saved": True, "new": True})


def test_a_full_disk_takes_no_half_row_and_the_answer_is_not_confirmed(server, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        status, result = post(server, an_answer())
    assert (status, result["saved"]) == (507, False)
    assert (tmp_path / "answers.csv").read_text().split() == [",".join(FIELDS)]
    assert post(server, an_answer()) == (200, {"saved": True, "new": True})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,score\nx,1\n", "is no file of answers"),
        (
            ",".join(FIELDS) + "\n" + ",".join(an_answer(study="f" * 16).values()),
            "holds answers to study ffffffffffffffff",
        ),
    ],
)
def test_a_file_of_something_else_is_left_alone(tmp_path, text, reason):
    path = tmp_path / "answers.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        AnswerLog(path, STUDY)
    assert path.read_text() == text


def test_the_address_is_said_and_an_interrupted_test_ends_well(tmp_path, monkeypatch, capsys):
    write_small_study(tmp_path, seconds=0.1)

    def interrupted(server):
        assert server.server_address[0] == "127.0.0.1"
        raise KeyboardInterrupt

    monkeypatch.setattr(StudyServer, "serve_forever", interrupted)
    serve_study(tmp_path / "page", tmp_path / "answers.csv", port=0)
    first, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"Listening test at http://127\.0\.0\.1:\d+/, answers go to .*answers\.csv\. Ctrl\+C ends it\.", first
    )
    assert last.startswith("0 answers are in")


def test_names_are_printed_in_one_line(tmp_path, monkeypatch, capsys):
    write_small_study(tmp_path, seconds=0.1)
    (tmp_path / "a\n\x1b[2J").mkdir()

    def interrupted(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(StudyServer, "serve_forever", interrupted)
    serve_study(tmp_path / "page", tmp_path / "a\n\x1b[2J" / "answers.csv", port=0)
    first, last = capsys.readouterr().out.splitlines()
    assert "/a\\n\\x1b[2J/answers.csv" in first and last.endswith("/a\\n\\x1b[2J/answers.csv.")


def test_a_taken_port_is_an_error(tmp_path):
    write_small_study(tmp_path, seconds=0.1)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError):
        build_server(tmp_path / "page", tmp_path / "answers.csv", "127.0.0.1", taken.getsockname()[1])
