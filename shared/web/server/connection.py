"""One connection's life: from its first byte to its last, each phase with a deadline.

    NEW -> HEAD -> BODY -> BUSY -> IDLE -> HEAD ...     requests one after the other
    BODY -> DRAINING -> IDLE                            an answer that came before the end of the body
    any  -> CLOSING                                     nothing more is read; what is written is still sent

`Connections` checks the deadlines twice a second. What is read is `protocol.py`'s business.
"""

import math
from asyncio import Transport
from typing import Any, ClassVar, Literal, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.settings import Settings
from shared.web.server import refusals
from shared.web.server.answer_writer import LARGE_BYTES, AnswerWriter
from shared.web.server.connections import Connections
from shared.web.server.cycle import Cycle
from shared.web.server.refusals import Refusal
from shared.web.server.request_head import RequestHead

_DRAIN_SECONDS = 5.0
"""Rest of a body whose answer is sent already: then the connection can be used again."""

_CLOSING_SECONDS = 2.0
_MAX_DROPPED_BYTES = 1024 * 1024
"""After a refusal, this much more is read and dropped: closing with unread bytes would reset the connection,
and the client might lose the answer."""

Phase = Literal["NEW", "HEAD", "BODY", "BUSY", "IDLE", "DRAINING", "CLOSING"]


def seconds_of(settings: Settings, keep_alive_seconds: float) -> dict[Phase, float]:
    """Return how long each phase may take."""
    return {
        "NEW": settings.header_timeout_seconds,
        "HEAD": settings.header_timeout_seconds,
        "BODY": settings.body_timeout_seconds,
        "BUSY": math.inf,
        "IDLE": keep_alive_seconds,
        "DRAINING": _DRAIN_SECONDS,
        "CLOSING": settings.send_timeout_seconds,
    }


class BoundedConnection(HttpToolsProtocol):
    """What a connection does but for reading: being counted, running requests, deadlines, ending."""

    connections_of_process: ClassVar[Connections]
    seconds: ClassVar[dict[Phase, float]]
    max_header_bytes: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self.deadline = math.inf
        self._phase: Phase = "NEW"
        self._head = RequestHead(self.max_header_bytes)
        self._running: Cycle | None = None
        self._unfinished_bytes = self._dropped_bytes = 0

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
        """Forget the connection; signal the app that its client left."""
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

    def _count_unfinished(self, size_bytes: int) -> None:
        """Count headers that have begun and not ended. The parser passes on a header only once it is whole."""
        self.connections_of_process.head_bytes += size_bytes - self._unfinished_bytes
        self._unfinished_bytes = size_bytes

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

    def _phase_now(self) -> Phase:
        if self._head.is_open:
            return "HEAD"
        if not self.cycle:
            return "NEW"
        if self.cycle.more_body:
            return "DRAINING" if self.cycle.response_complete else "BODY"
        return "IDLE" if self._running is None else "BUSY"

    def _enter(self, phase: Phase) -> None:
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
