"""The client: send, follow, acknowledge, look up and erase events."""

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from triggers_client.batches import MAX_EVENTS, batches
from triggers_client.encoding import Event, encode
from triggers_client.errors import TriggersError, Unavailable, refused
from triggers_client.leases import Lease, handed_out
from triggers_client.retries import ATTEMPTS, RETRIED_STATUSES, pause_seconds

_TIMEOUT_SECONDS = 30.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An event in the queue. `source`, `inbox` and `id` identify it; `receipt` identifies this acceptance."""

    id: str
    source: str
    inbox: str
    receipt: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """Events, oldest first, as CloudEvents with `inbox`, `position` and `receivedat`, and the cursor after them."""

    events: list[dict[str, Any]]
    cursor: str
    more: bool


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
        if not url.startswith(("http://", "https://")):
            raise ValueError("The URL must begin with http:// or https://.")
        self._attempts = attempts
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=url,
            timeout=_TIMEOUT_SECONDS,
            transport=transport,
            # No proxy for requests to this machine.
            trust_env=httpx.URL(url).host not in _LOOPBACK,
            headers={"Authorization": f"Bearer {api_key}", "User-Agent": "triggers-client"},
        )

    @classmethod
    def from_environment(cls, *, attempts: int | None = ATTEMPTS) -> Self:
        """Return a client for the URL and key in `TRIGGERS_URL` and `TRIGGERS_API_KEY`."""
        try:
            return cls(os.environ["TRIGGERS_URL"], os.environ["TRIGGERS_API_KEY"], attempts=attempts)
        except KeyError as missing:
            raise TriggersError(f"Set the environment variable {missing.args[0]}.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
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
        key, accepted = idempotency_key or uuid.uuid4().hex, list[Accepted]()
        params = {} if inbox is None else {"inbox": inbox}
        for batch in batches([encode(event, index) for index, event in enumerate(events)]):
            headers = _JSON | {"Idempotency-Key": f'"{key}-{batch.first}"'}
            answer = self._request(
                "POST", "/v1/events", params=params, content=batch.body, headers=headers, first=batch.first
            )
            accepted += [
                Accepted(id=one["id"], source=one["source"], inbox=one["inbox"], receipt=one["receipt"])
                for one in answer["events"]
            ]
        return accepted

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
        params = {"inbox": inbox, "limit": limit, "wait": wait, "early": str(early).lower(), "type": list(types)}
        answer = self._request("GET", "/v1/inbox", params=params if cursor is None else params | {"after": cursor})
        return Page(events=answer["events"], cursor=answer["next"], more=answer["more"])

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
        if wait < 1:
            raise ValueError("wait must be at least 1.")
        while True:
            page = self.page(inbox, cursor=cursor, types=types, limit=limit, wait=wait, early=early)
            cursor = page.cursor
            yield page

    def ack(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Acknowledge `events` of a page, which are soon no longer listed. Can be repeated safely."""
        positions: dict[str, list[str]] = {}
        for event in events:
            positions.setdefault(event["inbox"], []).append(event["position"])
        for inbox, all_positions in positions.items():
            for start in range(0, len(all_positions), MAX_EVENTS):
                content = {"inbox": inbox, "positions": all_positions[start : start + MAX_EVENTS]}
                self._request("POST", "/v1/acks", json=content)

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
        body = {"group": group, "inbox": inbox, "limit": limit, "seconds": seconds, "wait": wait}
        answer = self._request("POST", "/v1/leases", json=body if start is None else {**body, "start": start})
        return None if answer["lease"] is None else Lease(self._use, answer)

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

        def ask() -> Iterator[Lease]:
            while True:
                lease = self.lease(group, inbox, limit=limit, seconds=seconds, wait=wait, start=start)
                if lease is not None:
                    yield lease

        return handed_out(ask(), seconds)

    def get(self, event_id: str, *, source: str = "/", inbox: str = "default") -> dict[str, Any]:
        """Return one event as `event`, with its `status` (stored or delivered), `receivedat`, `expiresat` and so on.

        Raises `NotFound` if the event does not exist or is not stored yet.
        """
        params = {"id": event_id, "source": source, "inbox": inbox}
        answer: dict[str, Any] = self._request("GET", "/v1/events", params=params)
        return answer

    def erase(self, event_id: str, *, source: str = "/", inbox: str = "default") -> None:
        """Permanently remove an event and its payload. Succeeds if the event does not exist. Can be repeated safely."""
        params = {"id": event_id, "source": source, "inbox": inbox, "erase": "true"}
        self._request("DELETE", "/v1/events", params=params)

    def _use(self, lease: str, action: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 (it is JSON)
        return self._request("POST", f"/v1/leases/{lease}/{action}", json=body)

    def _request(self, method: str, path: str, *, first: int = 0, **content: Any) -> Any:  # noqa: ANN401 (it is JSON)
        """Return the API's answer; retry as the class describes."""
        failures = 0
        while True:
            try:
                answer = self._http.request(method, path, **content)
            except (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError) as error:
                trouble, retry_after = f"The API can't be reached: {str(error) or type(error).__name__}", ""
                failures += 1
            else:
                if answer.status_code not in RETRIED_STATUSES:
                    return _read(answer, first)
                trouble, retry_after = str(refused(answer)), answer.headers.get("retry-after", "")
                failures += answer.status_code != httpx.codes.TOO_MANY_REQUESTS
            if self._attempts is not None and failures >= self._attempts:
                raise Unavailable(trouble)
            self._sleep(pause_seconds(failures, retry_after))


def _read(answer: httpx.Response, first: int) -> Any:  # noqa: ANN401 (it is JSON)
    if not answer.is_success:
        raise refused(answer, first)
    try:
        return answer.json()
    except ValueError:
        raise TriggersError(f"{answer.url} did not return JSON: it is not the Triggers API.") from None
