"""Leases of a consumer group without I/O: what a member does with one, and the heartbeat that keeps it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypedDict

from triggers_client.errors import LeaseLost, TriggersError
from triggers_client.events import InboxEvent
from triggers_client.exchange import Pause, Steps
from triggers_client.operations import Operations

MAX_REASON_LENGTH = 200
_BEATS = 3
"""Extensions while a lease would last: one may fail."""


class LeaseAnswer(TypedDict):
    """The answer of `POST /v1/leases` that gives a lease."""

    lease: str
    events: list[InboxEvent]
    attempt: int
    until: str


def leasing(
    operations: Operations, group: str, inbox: str, *, limit: int, seconds: int, wait: int, start: str | None
) -> Steps[LeaseAnswer | None]:
    """Ask for a lease; None if there are no events."""
    answer: Any = yield from operations.post(
        "/v1/leases", group=group, inbox=inbox, limit=limit, seconds=seconds, wait=wait, start=start
    )
    given: LeaseAnswer | None = None if answer["lease"] is None else answer
    return given


class LeaseState:
    """The state of a lease, and its operations. `Lease` and `AsyncLease` carry them out.

    `id`, `events`, `attempt` (how often they were leased) and `until` are the API's. `is_lost`: the lease ran out, and
    another member may have its events. `is_over`: all its events were acked or released, or it is lost.
    """

    def __init__(self, operations: Operations, answer: LeaseAnswer) -> None:
        self.id = answer["lease"]
        self.events = answer["events"]
        self.attempt = answer["attempt"]
        self.until = answer["until"]
        self.is_lost = False
        self.is_over = False
        self._operations = operations

    def acking(self, events: Iterable[Mapping[str, Any]] | None = None, *, remove: bool = False) -> Steps[None]:
        """Ack `events`, or all that are left."""
        yield from self._end("ack", _positions(events), remove=remove or None)

    def releasing(
        self, events: Iterable[Mapping[str, Any]] | None = None, *, delay: int | None = None, reason: str = ""
    ) -> Steps[None]:
        """Release `events`, or all that are left."""
        yield from self._end("release", _positions(events), delay=delay, reason=reason[:MAX_REASON_LENGTH] or None)

    def extending(self, seconds: int) -> Steps[None]:
        """Extend the lease."""
        yield from self._extend(self._operations, seconds)

    def ending(self, *, handled: bool) -> Steps[None]:
        """Ack the rest if it was `handled`, else release it, unless the lease is over; ignore that it is lost."""
        if not self.is_over:
            try:
                with suppress(LeaseLost):
                    yield from self.acking() if handled else self.releasing()
            finally:
                self.is_over = True

    def heartbeat(self, seconds: int) -> Steps[None]:
        """Extend the lease again and again until it is over."""
        once = Operations(attempts=1)  # the next beat is the retry
        while True:
            yield Pause(seconds / _BEATS)
            if self.is_over:
                return
            with suppress(TriggersError):
                yield from self._extend(once, seconds)

    def _extend(self, operations: Operations, seconds: int) -> Steps[None]:
        self.until = (yield from self._post(operations, "extend", seconds=seconds))["until"]

    def _end(self, action: str, positions: Sequence[str] | None, **body: object) -> Steps[None]:
        if positions is None or positions:
            answer = yield from self._post(self._operations, action, positions=positions, **body)
            self.is_over = positions is None or answer.get("left") == 0

    def _post(self, operations: Operations, action: str, **body: object) -> Steps[Any]:
        try:
            return (yield from operations.post(f"/v1/leases/{self.id}/{action}", **body))
        except LeaseLost:
            self.is_lost = self.is_over = True
            raise


def _positions(events: Iterable[Mapping[str, Any]] | None) -> Sequence[str] | None:
    return None if events is None else [event["position"] for event in events]
