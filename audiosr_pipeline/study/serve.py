"""Serves the page of a study on this machine, and appends the answers of its listeners to a file."""

import csv
import io
import json
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from audiosr_pipeline.csv_files import SEPARATORS
from audiosr_pipeline.printable import printable
from audiosr_pipeline.study.answers import FIELDS, TIMES, Answer, parse_row, parse_rows, separator_of, shortened
from audiosr_pipeline.study.page import read_study, stimuli_of

# An answer takes 600 bytes.
MAX_POST_BYTES = 4096
MAX_LENGTH_DIGITS = 18
# What doesn't arrive in this time in s doesn't hold a thread any longer.
TIMEOUT_S = 30


def serve_study(page_folder: Path | str, answers_file: Path | str, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serves a listening test until it is interrupted (Ctrl+C), and says where.

    Args:
        page_folder: The folder `page/` that `study build` wrote.
        answers_file: CSV file that answers are appended to; made if it isn't there.
        host: Address to listen at. The default is reached from this machine alone; others reach `"0.0.0.0"`.
        port: Port to listen at; 0 takes a free one.

    Raises:
        ValueError: If the folder holds no page, or the file is not one of answers to its study.
        OSError: If the port is taken, or the file can't be written.
    """
    with build_server(page_folder, answers_file, host, port) as server:
        name = printable(str(answers_file))
        print(f"Listening test at {server.url}, answers go to {name}. Ctrl+C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"{len(server.log)} answers are in {name}.")


def build_server(page_folder: Path | str, answers_file: Path | str, host: str, port: int) -> "StudyServer":
    """The server of `serve_study`, which listens but doesn't answer yet. Arguments and errors are the same."""
    study = read_study(page_folder)
    return StudyServer((host, port), study, Path(page_folder), AnswerLog(answers_file, study["study"]))


class AnswerLog:
    """A CSV file of answers that grows by whole rows, each on the disk before it is confirmed.

    A spreadsheet may have saved it with semicolons or tabs between fields: rows are added as those before.

    Args:
        path: File; made if it isn't there.
        study: Hash of the study whose answers it takes.

    Raises:
        ValueError: If the file is not one of answers to this study.
        OSError: If it can't be written.
    """

    def __init__(self, path: Path | str, study: str):
        self._lock = threading.Lock()
        self._path = Path(path)
        self._known: set[tuple[str, str]] = set()
        if self._path.exists() and (text := self._path.read_text(encoding="utf-8", errors="replace")):
            if separator_of(text.split("\n", 1)[0].strip("\ufeff\r")) is None:
                raise ValueError(f"{path} is no file of answers: its first line isn't the header {','.join(FIELDS)}.")
            found, _ = parse_rows(text, str(path))
            if strange := {answer.study for _, answer in found} - {study}:
                raise ValueError(
                    f"{path} holds answers to study {strange.pop()}, the page is of {study}: name another."
                )
            self._known = {(answer.listener, answer.trial) for _, answer in found}
        self._append(None)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, answer: Answer, row: Mapping[str, str]) -> bool:
        """Appends a row, unless its listener has answered this trial before; whether it did."""
        with self._lock:
            if (answer.listener, answer.trial) in self._known:
                return False
            self._append(row)
            self._known.add((answer.listener, answer.trial))
            return True

    def _append(self, row: Mapping[str, str] | None) -> None:
        """Appends a row to the file as it is now: it may have been moved away, or saved by a spreadsheet."""
        with open(self._path, "ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            separator, text = SEPARATORS[0], ""
            if size == 0:
                text = _csv_line(FIELDS, separator)
            else:
                file.seek(0)
                header = file.readline(MAX_POST_BYTES).decode("utf-8-sig", "replace").rstrip("\r\n")
                if (found := separator_of(header)) is None:
                    raise OSError(f"{self._path} isn't a file of answers in UTF-8 any more: move it away")
                separator = found
                file.seek(size - 1)
                # A row that broke off with the machine has no end of line: without one, the next would be added to it.
                text = "" if file.read(1) == b"\n" else "\r\n"
            if row is not None:
                # Where semicolons stand between fields, decimals have commas: a spreadsheet takes 1.5 for a date.
                decimal = "," if separator == ";" else "."
                values = [row[name].replace(".", decimal) if name in TIMES else row[name] for name in FIELDS]
                text += _csv_line(values, separator)
            try:
                data = text.encode("utf-8")
                if file.write(data) != len(data):
                    raise OSError(f"{self._path}: no space left")
                os.fsync(file.fileno())
            except OSError:
                # A full disk takes part of a row: half a row is no answer, and would swallow the next one.
                file.truncate(size)
                raise


class StudyServer(ThreadingHTTPServer):
    """Knows the files of one page by their addresses, and no others; takes answers to its study.

    Attributes:
        files: File of each address that can be asked for.
        log: Where the answers go.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], study: dict[str, Any], page_folder: Path, log: AnswerLog):
        self._study = study
        # No address is turned into a path, so none leads out of the folder.
        self.files = {f"/stimuli/{name}.js": page_folder / "stimuli" / f"{name}.js" for name in stimuli_of(study)}
        self.files |= dict.fromkeys(("/", "/index.html"), page_folder / "index.html")
        self.log = log
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of listeners who close the page while it is loading."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Address of the page."""
        host, port = self.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}/"

    def check_answer(self, answer: Answer) -> None:
        """Raises a ValueError that says why an answer isn't one to this study."""
        if answer.study != self._study["study"]:
            raise ValueError(f"study is {answer.study}, not {self._study['study']}")
        forms = self._study["forms"]
        if answer.form >= len(forms) or not 1 <= answer.position <= len(forms[answer.form]):
            raise ValueError(f"form {answer.form} has no position {answer.position}")
        trial = forms[answer.form][answer.position - 1]
        asked = trial["trial"], trial["question"], trial["a"], trial.get("b", "")
        given = answer.trial, answer.question, answer.stimulus_a, answer.stimulus_b
        if asked != given:
            raise ValueError(f"form {answer.form} has at position {answer.position} {asked}, the answer is to {given}")


class _Handler(BaseHTTPRequestHandler):
    server: StudyServer
    timeout = TIMEOUT_S
    server_version = "listening-test"
    sys_version = ""

    def do_GET(self) -> None:
        self._send_file(with_body=True)

    def do_HEAD(self) -> None:
        self._send_file(with_body=False)

    def do_POST(self) -> None:
        if self.path != "/answers":
            return self._refuse(HTTPStatus.NOT_FOUND, "answers are posted to /answers")
        # Other pages that are open in the browser can post plain text and forms here, but not JSON.
        if self.headers.get_content_type() != "application/json":
            return self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an answer is posted as application/json")
        lengths = self.headers.get_all("Content-Length", [])
        if len(lengths) != 1 or not re.fullmatch("[0-9]+", lengths[0]) or "Transfer-Encoding" in self.headers:
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "an answer is posted with its Content-Length")
        # Only so long a number is taken as one: no length of an answer has more digits.
        if len(lengths[0]) > MAX_LENGTH_DIGITS or (length := int(lengths[0])) > MAX_POST_BYTES:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an answer has at most {MAX_POST_BYTES} bytes")
        try:
            row = json.loads(self.rfile.read(length))
            if not isinstance(row, dict):
                raise ValueError(f"is no object of the fields {', '.join(FIELDS)}")
            answer = parse_row(row)
            self.server.check_answer(answer)
        # Deeply nested JSON exceeds the recursion limit.
        except (ValueError, RecursionError) as error:
            return self._refuse(HTTPStatus.BAD_REQUEST, shortened(str(error), 500))
        try:
            is_new = self.server.log.add(answer, row)
        except OSError as error:
            return self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, f"the answer can't be written: {error}")
        self._send(HTTPStatus.OK, "application/json", json.dumps({"saved": True, "new": is_new}).encode())

    def _send_file(self, with_body: bool) -> None:
        path = self.server.files.get(self.path.split("?", 1)[0])
        if path is None:
            return self._refuse(HTTPStatus.NOT_FOUND, "not a part of the page")
        try:
            data = path.read_bytes()
        except OSError as error:
            return self._refuse(HTTPStatus.NOT_FOUND, f"can't be read: {error}")
        self._send(HTTPStatus.OK, "text/html" if path.suffix == ".html" else "text/javascript", data, with_body)

    def _send(self, status: HTTPStatus, content_type: str, data: bytes, with_body: bool = True) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        # A study that was built again isn't mixed with an old page.
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        request = shortened(f"{self.command} {self.path}")
        print(printable(f"refused {request} from {self.client_address[0]}: {reason}"), file=sys.stderr)
        self._send(status, "application/json", json.dumps({"saved": False, "reason": reason}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing of what goes well."""


def _csv_line(values: Iterable[str], separator: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=separator).writerow(values)
    return line.getvalue()
