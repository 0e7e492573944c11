"""Leases of a consumer group: the events of one, what its member does with it, and the heartbeat that keeps it."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from triggers_client.errors import LeaseLost, TriggersError

MAX_REASON_LENGTH = 200
_BEATS = 3
"""Extensions while a lease would last: one may fail."""

Call = Callable[[str, str, Mapping[str, Any]], Any]
"""Makes a request with a lease, an action and a body; returns the answer."""


class Lease:
    """Events of a group that are yours until the lease runs out.

    `attempt` counts how often they were leased. `is_lost` says that the lease ran out, and that another member may
    have its events.
    """

    def __init__(self, call: Call, answer: Mapping[str, Any]) -> None:
        self.id: str = answer["lease"]
        self.events: list[dict[str, Any]] = answer["events"]
        self.attempt: int = answer["attempt"]
        self.until: str = answer["until"]
        self.is_lost = False
        self.is_over = False
        self._call = call

    def ack(self, events: Iterable[Mapping[str, Any]] | None = None, *, remove: bool = False) -> None:
        """End `events`, or all that are left, for the group; with `remove`, also remove them from the inbox.

        Raises `LeaseLost` if another member may have them.
        """
        self._end("ack", events, {"remove": True} if remove else {})

    def release(
        self, events: Iterable[Mapping[str, Any]] | None = None, *, delay: int | None = None, reason: str = ""
    ) -> None:
        """Give `events`, or all that are left, back, to be leased again after `delay` seconds, or the group's backoff.

        Events that were released as often as the group allows go into quarantine. Raises `LeaseLost`.
        """
        body = {} if delay is None else {"delay": delay}
        self._end("release", events, body | ({"reason": reason[:MAX_REASON_LENGTH]} if reason else {}))

    def extend(self, seconds: int = 300) -> None:
        """Make the lease last for `seconds` (1 to 3,600) from now. Raises `LeaseLost`."""
        self.until = self._ask("extend", {"seconds": seconds})["until"]

    def _end(self, action: str, events: Iterable[Mapping[str, Any]] | None, body: Mapping[str, Any]) -> None:
        if events is None:
            self._ask(action, body)
            self.is_over = True
            return
        positions = [event["position"] for event in events]
        if positions:
            answer = self._ask(action, {**body, "positions": positions})
            self.is_over = answer.get("left") == 0

    def _ask(self, action: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 (it is JSON)
        try:
            return self._call(self.id, action, body)
        except LeaseLost:
            self.is_lost = self.is_over = True
            raise


def handed_out(leases: Iterator[Lease], seconds: int) -> Iterator[Lease]:
    """Yield `leases`, extended while each is handled; ack it if the next one is asked for, and release it if not."""
    for lease in leases:
        with _kept(lease, seconds):
            try:
                yield lease
            except GeneratorExit:
                _quietly(lease, lease.release)
                raise
            _quietly(lease, lease.ack)


def _quietly(lease: Lease, end: Callable[[], None]) -> None:
    """End a lease unless its member has; one that was lost is another member's."""
    if not lease.is_over:
        with suppress(LeaseLost):
            end()


@contextmanager
def _kept(lease: Lease, seconds: int) -> Iterator[None]:
    """Extend `lease` in a thread until the end of the context, or until it is over."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(seconds / _BEATS) and not lease.is_over:
            try:
                lease.extend(seconds)
            except TriggersError:
                continue  # the next one may succeed; a lost lease is over

    thread = threading.Thread(target=beat, name="triggers-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
