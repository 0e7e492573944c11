"""The client: send, follow, acknowledge, lease, look up and erase events."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import httpx

from triggers_client.errors import TriggersError
from triggers_client.events import Accepted, Event, EventStatus, Page
from triggers_client.exchange import Outcome, Pause, Request, Steps, T, http_options
from triggers_client.lease_operations import leasing
from triggers_client.leases import Lease, Sleep, handled
from triggers_client.operations import Operations, environment
from triggers_client.retries import ATTEMPTS


class Client:
    """A client for one API and one key. Threads may share it.

    Requests without an answer, or answered with 429, 502, 503 or 504, are retried after a pause: that of `Retry-After`,
    otherwise an exponential backoff of up to 30 s. After `attempts` failures (None: no limit; a 429 is not counted) it
    raises `Unavailable`. All requests can be repeated safely. Any other error answer raises `Refused`, or its subclass
    for the status.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        attempts: int | None = ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(transport=transport, **http_options(url, api_key))
        self._operations = Operations(attempts)
        self._sleep = sleep
        self._handed_out: set[Lease] = set()

    @classmethod
    def from_environment(cls, *, attempts: int | None = ATTEMPTS) -> Self:
        """Return a client for the URL and key in `TRIGGERS_URL` and `TRIGGERS_API_KEY`."""
        return cls(*environment(), attempts=attempts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the leases that are being handled, and close all connections."""
        for lease in list(self._handed_out):
            with suppress(TriggersError):
                self._run(lease.ending(handled=False))
        self._http.close()

    def send(
        self, events: Iterable[Event], *, inbox: str | None = None, idempotency_key: str | None = None
    ) -> list[Accepted]:
        """Send any number of events, up to 1,000 or 512 KiB per request; return the accepted events in the same order.

        `inbox` applies to events that do not name one. Events without an id get one derived from `idempotency_key`
        (up to 240 printable ASCII characters, no quotes or backslashes; random by default), so that a repeated request
        creates no duplicates.

        All events are encoded before the first is sent; `InvalidEvent` names the first that can't be encoded. Dates and
        times become RFC 3339 text, UUIDs their canonical text, Decimals text with all digits.

        If this raises another error, earlier requests may have been accepted. Send the same events again: within the
        service's deduplication window (five minutes by default), events with ids, and all events sent under the same
        explicit `idempotency_key`, are stored once.
        """
        return self._run(self._operations.send(events, inbox=inbox, idempotency_key=idempotency_key))

    def page(
        self,
        inbox: str = "default",
        *,
        cursor: str | None = None,
        types: Sequence[str] = (),
        limit: int = 100,
        wait: int = 0,
        early: bool = True,
    ) -> Page:
        """Return up to `limit` (1 to 1,000) events after `cursor`, or from the oldest stored event if that is None.

        `types` limits the result to these types; `order.*` matches all that begin with `order.`. If there are no
        events, wait up to `wait` (0 to 20) seconds. Without `early`, events are returned once they have settled, in
        strict order across pages.
        """
        return self._run(self._operations.page(inbox, cursor=cursor, types=types, limit=limit, wait=wait, early=early))

    def follow(
        self,
        inbox: str = "default",
        *,
        cursor: str | None = None,
        types: Sequence[str] = (),
        limit: int = 100,
        wait: int = 20,
        early: bool = True,
    ) -> Iterator[Page]:
        """Yield pages forever: without new events, an empty page after at most `wait` (1 to 20) seconds.

        Handle the events of a page, then save its cursor: starting again from it skips no event and repeats none.
        """
        for page in self._operations.follow(inbox, cursor=cursor, types=types, limit=limit, wait=wait, early=early):
            yield self._run(page)

    def ack(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Acknowledge `events` of a page, which are soon no longer listed. Can be repeated safely."""
        self._run(self._operations.ack(events))

    def lease(
        self,
        group: str,
        inbox: str = "default",
        *,
        limit: int = 100,
        seconds: int = 300,
        wait: int = 0,
        start: str | None = None,
    ) -> Lease | None:
        """Lease up to `limit` (1 to 1,000) events of a consumer group for `seconds` (1 to 3,600); None if it has none.

        No other member of the group gets them until the lease ends. If there are none, wait up to `wait` (0 to 20)
        seconds. The first lease creates the group, at `start`: `oldest` (the default), `newest`, or an RFC 3339 time.
        """
        asked = leasing(self._operations, group, inbox, limit=limit, seconds=seconds, wait=wait, start=start)
        answer = self._run(asked)
        return None if answer is None else Lease(self._operations, answer, self._run)

    def leases(
        self,
        group: str,
        inbox: str = "default",
        *,
        limit: int = 100,
        seconds: int = 300,
        wait: int = 20,
        start: str | None = None,
    ) -> Iterator[Lease]:
        """Yield leases of a consumer group forever, extending each while it is handled.

        Asking for the next lease acks the remaining events of the last one. An exception or `break` in the loop
        releases it instead, so that its events are leased again after the group's backoff. To continue after an event
        that failed, catch its exception and call `lease.release([event])`.
        """
        while True:
            lease = self.lease(group, inbox, limit=limit, seconds=seconds, wait=wait, start=start)
            if lease is not None:
                with handled(lease, seconds, self._run, self._handed_out):
                    yield lease

    def get(self, event_id: str, *, source: str = "/", inbox: str = "default") -> EventStatus:
        """Return one event as `event`, with its `status` (stored or delivered), `receivedat`, `expiresat` and so on.

        Raises `NotFound` if the event does not exist or is not stored yet.
        """
        return self._run(self._operations.get(event_id, source=source, inbox=inbox))

    def erase(self, event_id: str, *, source: str = "/", inbox: str = "default") -> None:
        """Permanently remove an event and its payload. Succeeds if the event does not exist. Can be repeated safely."""
        self._run(self._operations.erase(event_id, source=source, inbox=inbox))

    def _run(self, steps: Steps[T], sleep: Sleep | None = None) -> T:
        """Carry out `steps`; return their result."""
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = self._perform(step, sleep or self._sleep)

    def _perform(self, step: Request | Pause, sleep: Sleep) -> Outcome:
        if isinstance(step, Pause):
            sleep(step.seconds)
            return None
        try:
            return self._http.request(**vars(step))
        except httpx.HTTPError as error:
            return error
