"""HTTP/1.1 under uvicorn, with bounds on what a client may cost before its API key is known.

uvicorn bounds nothing itself: no size or time of headers, no number of connections or pipelined requests, no bytes that
wait for a slow reader. Its parser (llhttp, strict) refuses most of what two servers might read differently; the rest is
refused here. `docs/security.md` lists the bounds, `docs/decisions/0020` says why they are here.

A connection is in one of these phases. Each but BUSY has a deadline, which `Connections` checks twice a second.

    NEW -> HEAD -> BODY -> BUSY -> IDLE -> HEAD ...     requests one after the other
    BODY -> DRAINING -> IDLE                            an answer that came before the end of the body
    any  -> CLOSING                                     nothing more is read; what is written is still sent
"""

import math
from asyncio import Event, Transport
from typing import Any, ClassVar, Literal, cast
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.settings import Settings
from shared.web.server import refusals
from shared.web.server.answer_writer import LARGE_BYTES, AnswerWriter
from shared.web.server.connections import Connections
from shared.web.server.cycle import Cycle
from shared.web.server.refusals import Refusal
from shared.web.server.request_head import (
    FIELD_BYTES,
    FRAMING,
    MAX_HEADERS,
    MAX_URL_BYTES,
    RequestHead,
    without_upgrade,
)

_FEED_BYTES = 16_384
"""The parser is fed this much at a time: a read may be 256 KB, most of it past a bound."""

_MAX_PIPELINED = 16
"""Requests that wait behind the one that is handled."""

_DRAIN_SECONDS = 5.0
"""Rest of a body whose answer is sent already: then the connection can be used again."""

_CHUNK_BYTES_PER_BYTE = 16
"""What a chunked body may take on the wire for each of its bytes, after 64 KiB for nothing. A chunk for each byte takes
6; extensions, which mean nothing to anybody, might take any number."""

_CLOSING_SECONDS = 2.0
_MAX_DROPPED_BYTES = 1024 * 1024
"""After a refusal, so long and so much more is read, and dropped: closing with unread bytes would reset the connection,
and the client might lose the answer."""

_Phase = Literal["NEW", "HEAD", "BODY", "BUSY", "IDLE", "DRAINING", "CLOSING"]


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Made by `bounded`, which says what it is bounded by."""

    connections_of_process: ClassVar[Connections]
    seconds: ClassVar[dict[_Phase, float]]
    max_header_bytes: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self.deadline = math.inf
        self._phase: _Phase = "NEW"
        self._head = RequestHead(self.max_header_bytes)
        self._running: Cycle | None = None
        self._unfinished_bytes = 0
        self._dropped_bytes = self._body_bytes = self._wire_bytes = 0
        self._offers_upgrade = False

    # Connection

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=LARGE_BYTES, low=0)
        everyone = self.connections_of_process
        self._writer = AnswerWriter(transport, everyone)
        reason = everyone.admit(self, self.client[0] if self.client else None)
        self.deadline = self.loop.time() + self.seconds["NEW"]
        if reason is not None:
            everyone.count(reason)
            self._answer(refusals.full(reason))
            if not everyone.keep_refused(self):
                transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; tell the app that its client left."""
        everyone = self.connections_of_process
        everyone.discard(self)
        everyone.unsent.discard(self)
        self._count_unfinished(0)
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Stay open for the answers to what was received whole."""
        if self._phase != "CLOSING" and not self._stop_receiving():
            return False
        if self._running is None or self._running.disconnected or self.transport.is_closing():
            return False
        self._running.half_close()
        return True

    # Reading

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
                self._count_unfinished(self._unfinished_bytes + len(data) if self._head.is_open else 0)
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

    def _count_unfinished(self, size_bytes: int) -> None:
        """Count headers that have begun and not ended. The parser passes on a header only once it is whole."""
        everyone = self.connections_of_process
        everyone.head_bytes += size_bytes - self._unfinished_bytes
        self._unfinished_bytes = size_bytes
        if size_bytes > self.max_header_bytes + _FEED_BYTES:  # the end of a body may have come with them
            raise self._head.too_large()
        if size_bytes and everyone.heads_are_full:
            raise refusals.full("memory")

    def _count_chunked(self, size_bytes: int) -> None:
        self._wire_bytes += size_bytes
        if self._wire_bytes > HIGH_WATER_LIMIT + _CHUNK_BYTES_PER_BYTE * self._body_bytes:
            raise refusals.malformed("Too many chunks or extensions for this little data")

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head.begin()

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

    # Answering

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cast("Cycle", cycle)
        self._writer.begin()
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Start the next request that waits, or wait for one."""
        self.server_state.total_requests += 1
        self._running = None
        if self.transport.is_closing():
            self._close()
            return
        self._writer.flush()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if not self.pipeline:
            self.flow.resume_reading()
        if self._phase != "CLOSING":
            self._enter(self._phase_now())

    def pause_writing(self) -> None:
        """Count an answer that its client does not read."""
        super().pause_writing()
        self.connections_of_process.unsent.add(self, self._writer.last_bytes, self.loop.time())

    def resume_writing(self) -> None:
        """Stop counting it."""
        self.connections_of_process.unsent.discard(self)
        super().resume_writing()

    def unsent_bytes(self) -> int:
        """Return how many bytes the transport still has to hand to the kernel."""
        return self.transport.get_write_buffer_size()

    def cut(self) -> None:
        """Close the connection at once: its client does not read."""
        self.connections_of_process.count("reader")
        self._phase, self.deadline = "CLOSING", math.inf
        self.transport.abort()

    # Deadlines

    def _phase_now(self) -> _Phase:
        if self._head.is_open:
            return "HEAD"
        if not self.cycle:
            return "NEW"
        if self.cycle.more_body:
            return "DRAINING" if self.cycle.response_complete else "BODY"
        return "IDLE" if self._running is None else "BUSY"

    def _enter(self, phase: _Phase) -> None:
        if phase != self._phase:
            self._phase = phase
            self.deadline = self.loop.time() + self.seconds[phase]

    def expire(self, now: float) -> None:
        """Act on the deadline."""
        waits_for_us = self.flow.read_paused or (self._phase == "HEAD" and self._running is not None)
        if self._phase == "CLOSING":
            self.transport.abort()
        elif waits_for_us:
            self.deadline = now + self.seconds[self._phase]
        elif self._phase == "HEAD":
            self._refuse(refusals.slow_headers(self.seconds["HEAD"]))
        elif self._phase == "BODY":
            self._refuse(refusals.slow_body(self.seconds["BODY"]))
        else:
            # Nothing was asked, or it is answered: an answer now might be taken for that to the next request.
            if self._phase != "IDLE":
                self.connections_of_process.count("slow")
            self.transport.close()
            self._close()

    # Ending

    def _refuse(self, refusal: Refusal) -> None:
        """End the connection with `refusal`, or without it if answers to earlier requests are still to come."""
        self.connections_of_process.count(refusal.reason)
        if self._stop_receiving():
            return
        running = self._running
        if running is not None:  # its body broke off: what the app still says of it goes nowhere
            running.disconnected = True
            running.message_event.set()
            if running.response_started:
                self.transport.close()
                self._close()
                return
        self._answer(refusal)

    def _stop_receiving(self) -> bool:
        """Take no more; close after the answer to the last request that came whole. False if there is none."""
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is None or last.more_body:
            return False
        self.cycle = last
        last.keep_alive = False
        self._phase, self.deadline = "CLOSING", math.inf
        return True

    def _answer(self, refusal: Refusal) -> None:
        answer = refusals.render(refusal, self.headers or (), self.server_state.default_headers)
        self.transport.write(answer)
        self.transport.write_eof()
        self.parser = self.headers = None  # type: ignore[assignment]
        self._count_unfinished(0)
        self.flow.resume_reading()
        self._phase, self.deadline = "CLOSING", self.loop.time() + _CLOSING_SECONDS

    def _close(self) -> None:
        """Give a transport that is closing some time to send the rest."""
        self._phase, self.deadline = "CLOSING", self.loop.time() + self.seconds["CLOSING"]

    def _drop(self, size_bytes: int) -> None:
        self._dropped_bytes += size_bytes
        if self._dropped_bytes > _MAX_DROPPED_BYTES:
            self.flow.pause_reading()


def bounded(settings: Settings, connections: Connections, *, keep_alive_seconds: float) -> type[BoundedProtocol]:
    """Return the protocol of a process, for uvicorn's `http=`."""
    seconds: dict[_Phase, float] = {
        "NEW": settings.header_timeout_seconds,
        "HEAD": settings.header_timeout_seconds,
        "BODY": settings.body_timeout_seconds,
        "BUSY": math.inf,
        "IDLE": keep_alive_seconds,
        "DRAINING": _DRAIN_SECONDS,
        "CLOSING": settings.send_timeout_seconds,
    }
    members = {
        "connections_of_process": connections,
        "seconds": seconds,
        "max_header_bytes": settings.max_header_bytes,
    }
    return type("HttpProtocol", (BoundedProtocol,), members)


def _refusal_of(error: httptools.HttpParserError) -> Refusal:
    if isinstance(error, httptools.HttpParserCallbackError):
        cause = error.__context__
        return cause if isinstance(cause, Refusal) else refusals.malformed("Invalid URL")
    return refusals.malformed(str(error) or "Unreadable")
