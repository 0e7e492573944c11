"""HTTP/1.1 under uvicorn, with bounds on what a client may cost before its API key is known.

uvicorn bounds nothing itself: no size or time of headers, no number of connections or pipelined requests, no bytes that
wait for a slow reader. Its parser (llhttp, strict) refuses most of what two servers might read differently; the rest is
refused here. `docs/security.md` lists the bounds; `docs/decisions/0017-bounds-in-a-protocol-class.md` has the reasons.
"""

from asyncio import Event
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from shared.settings import Settings
from shared.web.server import refusals
from shared.web.server.connection import BoundedConnection, seconds_of
from shared.web.server.connections import Connections
from shared.web.server.cycle import Cycle
from shared.web.server.refusals import Refusal
from shared.web.server.request_head import (
    FIELD_BYTES,
    FRAMING,
    MAX_HEADERS,
    MAX_URL_BYTES,
    without_upgrade,
)

_FEED_BYTES = 16_384
"""The parser is fed this much at a time: a read may be 256 KB, most of it past a bound."""

_MAX_PIPELINED = 16
"""Requests that wait behind the one that is handled."""

_CHUNK_BYTES_PER_BYTE = 16
"""What a chunked body may take on the wire for each of its bytes, after 64 KiB for nothing. A chunk for each byte takes
6; extensions, which mean nothing to anybody, might take any number."""


class BoundedProtocol(BoundedConnection):
    """Reads requests. Made by `bounded`, which says what it is bounded by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self._body_bytes = self._wire_bytes = 0
        self._offers_upgrade = False

    def data_received(self, data: bytes) -> None:
        """Parse what came, a piece at a time."""
        if self._phase == "CLOSING":
            self._drop(len(data))
        elif len(data) <= _FEED_BYTES:
            self._feed(data)
        else:
            view = memoryview(data)
            for start in range(0, len(data), _FEED_BYTES):
                self._feed(view[start : start + _FEED_BYTES])

    def _feed(self, data: bytes | memoryview) -> None:
        if self._phase == "CLOSING":
            return
        try:
            self.parser.feed_data(data)
            if self._head.is_chunked:
                self._count_chunked(len(data))
            if self._head.is_open or self._unfinished_bytes:
                self._check_unfinished(self._unfinished_bytes + len(data) if self._head.is_open else 0)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._refuse(_refusal_of(error))
            return
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._enter(self._phase_now())

    def _ignore_upgrade(self, rest: bytes | memoryview) -> None:
        """Parse the request again without its offer to upgrade: the parser takes what follows for another protocol."""
        self._offers_upgrade = False
        head = without_upgrade(self.scope["method"], self.url, self.scope["http_version"], self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(head)
        if rest:
            self._feed(rest)

    def _count_chunked(self, size_bytes: int) -> None:
        self._wire_bytes += size_bytes
        if self._wire_bytes > HIGH_WATER_LIMIT + _CHUNK_BYTES_PER_BYTE * self._body_bytes:
            raise refusals.malformed("Too many chunks or extensions for this little data")

    def _check_unfinished(self, size_bytes: int) -> None:
        self._count_unfinished(size_bytes)
        if size_bytes > self.max_header_bytes + _FEED_BYTES:  # the end of a body may have come with them
            raise self._head.too_large()
        if size_bytes and self.connections_of_process.heads_are_full:
            raise refusals.full("memory")

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head.begin()
        self._phase = "IDLE"  # so that its own time begins, whatever came before

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            raise refusals.line_too_long(MAX_URL_BYTES)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Trailers are counted, and ignored: nothing after a body may change what was decided on it."""
        name = name.lower()
        self._head.left_bytes -= len(name) + len(value) + FIELD_BYTES
        if self._head.left_bytes >= 0 and name not in FRAMING and len(self.headers) < MAX_HEADERS:
            self.headers.append((name, value))  # nearly always
        elif self._head.take(name, value, len(self.headers)):
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start the request, or have it wait for those before it."""
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        if parser.should_upgrade() and scope["method"] != "CONNECT":
            self._offers_upgrade = True
            return
        self._head.end(version)
        self._take_target()
        self._body_bytes = self._wire_bytes = 0
        self.cycle = cycle = Cycle(
            scope=scope,
            transport=self._writer,  # type: ignore[arg-type]
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=Event(),
            expect_100_continue=self._head.expects_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if self._running is None:
            self._start_asgi_task(cycle, self.app)
        elif len(self.pipeline) < _MAX_PIPELINED:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
        else:
            raise refusals.too_many_pipelined()

    def _take_target(self) -> None:
        target = httptools.parse_url(self.url)
        path = target.path or b"/"  # `http://host` names no path
        text = path.decode("ascii")
        self.scope["path"] = self.root_path + (unquote(text) if "%" in text else text)
        self.scope["raw_path"] = self.root_path.encode("ascii") + path
        self.scope["query_string"] = target.query or b""

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, if there is still somebody to read it."""
        cycle = self.cycle
        if not cycle.response_complete:
            self._body_bytes += len(body)
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """End the request's body."""
        if not self._offers_upgrade:
            self._head.is_chunked = False
            self.cycle.more_body = False
            if not self.cycle.response_complete:
                self.cycle.message_event.set()


def bounded(settings: Settings, connections: Connections, *, keep_alive_seconds: float) -> type[BoundedProtocol]:
    """Return the protocol of a process, for uvicorn's `http=`."""
    members = {
        "connections_of_process": connections,
        "seconds": seconds_of(settings, keep_alive_seconds),
        "max_header_bytes": settings.max_header_bytes,
    }
    return type("HttpProtocol", (BoundedProtocol,), members)


def _refusal_of(error: httptools.HttpParserError) -> Refusal:
    if not isinstance(error, httptools.HttpParserCallbackError):
        return refusals.malformed(str(error) or "Unreadable")
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    if isinstance(cause, (httptools.HttpParserInvalidURLError, UnicodeDecodeError)):
        return refusals.malformed("Invalid URL")
    raise cause or error  # ours
