"""An API on loopback that gives scripted answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

DATE = "Sun, 22 Nov 2026 17:00:00 GMT"


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """One answer; a status of 0 cuts the connection."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class FakeApi:
    """Answers with `answers`, first to last, then with what `otherwise` makes of a request."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.answers: list[Answer] = []
        self.date: Callable[[], str] = lambda: DATE
        self.otherwise: Callable[[Asked], Answer] = accepted
        self._lock = Lock()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            return self.answers.pop(0) if self.answers else self.otherwise(asked)


def accepted(asked: Asked) -> Answer:
    """Accept a batch."""
    count = len(msgspec.json.decode(asked.body, type=list[msgspec.Raw]))
    return Answer(202, b'{"accepted":%d,"events":[]}' % count)


def problem(status: int, detail: str, *faults: tuple[str, str], retry_after: str | None = None) -> Answer:
    """Return an answer that says what is wrong."""
    errors = [{"detail": text, "pointer": pointer} for text, pointer in faults]
    body = msgspec.json.encode({"title": "t", "status": status, "detail": detail, "errors": errors})
    return Answer(status, body, () if retry_after is None else (("Retry-After", retry_after),))


@contextmanager
def serving() -> Iterator[FakeApi]:
    """Serve until left."""
    api = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._serve()

        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            given = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, parse_qs(parts.query, keep_blank_values=True), given, body)
            answer = api.answer(asked)
            if answer.status == 0:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            headers = {
                "Content-Length": str(len(answer.body)),
                "Date": api.date(),
            } | dict(answer.headers)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (named so by the library)
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
