"""Every operation of the clients, without I/O: its requests, and its result from their answers."""

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from triggers_client.batches import MAX_EVENTS, batches
from triggers_client.encoding import encode
from triggers_client.errors import TriggersError
from triggers_client.events import Accepted, Event, EventStatus, Page
from triggers_client.exchange import Request, Steps, exchange

_JSON = {"Content-Type": "application/json"}


def environment() -> tuple[str, str]:
    """Return the URL and key in `TRIGGERS_URL` and `TRIGGERS_API_KEY`."""
    try:
        return os.environ["TRIGGERS_URL"], os.environ["TRIGGERS_API_KEY"]
    except KeyError as missing:
        raise TriggersError(f"Set the environment variable {missing.args[0]}.") from None


class Operations:
    """The operations of one client. The methods of `Client` with the same names describe their arguments."""

    def __init__(self, attempts: int | None) -> None:
        self._attempts = attempts

    def send(self, events: Iterable[Event], *, inbox: str | None, idempotency_key: str | None) -> Steps[list[Accepted]]:
        """Send events, in as many requests as they need."""
        key, accepted = idempotency_key or uuid.uuid4().hex, list[Accepted]()
        params = {} if inbox is None else {"inbox": inbox}
        for batch in batches([encode(event, index) for index, event in enumerate(events)]):
            headers = _JSON | {"Idempotency-Key": f'"{key}-{batch.first}"'}
            request = Request(method="POST", url="/v1/events", params=params, content=batch.body, headers=headers)
            answer = yield from exchange(request, attempts=self._attempts, first=batch.first)
            accepted += [
                Accepted(id=one["id"], source=one["source"], inbox=one["inbox"], receipt=one["receipt"])
                for one in answer["events"]
            ]
        return accepted

    def page(
        self, inbox: str, *, cursor: str | None, types: Sequence[str], limit: int, wait: int, early: bool
    ) -> Steps[Page]:
        """Read a page."""
        params = {"inbox": inbox, "limit": str(limit), "wait": str(wait), "early": str(early).lower(), "type": types}
        answer = yield from self._get("/v1/inbox", params if cursor is None else params | {"after": cursor})
        return Page(events=answer["events"], cursor=answer["next"], more=answer["more"])

    def follow(
        self, inbox: str, *, cursor: str | None, types: Sequence[str], limit: int, wait: int, early: bool
    ) -> Iterator[Steps[Page]]:
        """Yield the reading of one page after another; each begins at the cursor of the one before."""
        if wait < 1:
            raise ValueError("wait must be at least 1.")

        def following() -> Steps[Page]:
            nonlocal cursor
            page = yield from self.page(inbox, cursor=cursor, types=types, limit=limit, wait=wait, early=early)
            cursor = page.cursor
            return page

        while True:
            yield following()

    def ack(self, events: Iterable[Mapping[str, Any]]) -> Steps[None]:
        """Acknowledge events, in as many requests as they need."""
        positions: dict[str, list[str]] = {}
        for event in events:
            positions.setdefault(event["inbox"], []).append(event["position"])
        for inbox, all_positions in positions.items():
            for start in range(0, len(all_positions), MAX_EVENTS):
                yield from self.post("/v1/acks", inbox=inbox, positions=all_positions[start : start + MAX_EVENTS])

    def get(self, event_id: str, *, source: str, inbox: str) -> Steps[EventStatus]:
        """Look up one event."""
        found: EventStatus = yield from self._get("/v1/events", {"id": event_id, "source": source, "inbox": inbox})
        return found

    def erase(self, event_id: str, *, source: str, inbox: str) -> Steps[None]:
        """Remove one event."""
        params = {"id": event_id, "source": source, "inbox": inbox, "erase": "true"}
        request = Request(method="DELETE", url="/v1/events", params=params, content=None, headers={})
        yield from exchange(request, attempts=self._attempts)

    def post(self, path: str, **body: object) -> Steps[Any]:
        """Post `body` as JSON, without the members that are None; return the answer."""
        content = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        request = Request(method="POST", url=path, params={}, content=content, headers=_JSON)
        return (yield from exchange(request, attempts=self._attempts))

    def _get(self, path: str, params: Mapping[str, str | Sequence[str]]) -> Steps[Any]:
        request = Request(method="GET", url=path, params=params, content=None, headers={})
        return (yield from exchange(request, attempts=self._attempts))
