"""A producer and a consumer of the deployed API."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from shared.containers import batches
from tests.integration.deployment import Listed, Page, batch
from tests.integration.payloads import Webhook

_DEADLINE_SECONDS = 120
_SINGLES = 30
_EVENTS_A_POST = 15


class Client:
    """Calls the API with the host of its URL, by which the emulator distinguishes APIs."""

    def __init__(self, url: str, port: int, token: str) -> None:
        host = urlsplit(url).hostname or ""
        headers = {"host": f"{host}:{port}", "authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False)
        self.seconds: list[float] = []

    def post(self, path: str, content: bytes, **headers: str) -> Any:
        """Post JSON, which must be accepted; return the answer."""
        started = time.monotonic()
        answer = self.http.post(path, content=content, headers={"content-type": "application/json", **headers})
        self.seconds.append(time.monotonic() - started)
        assert answer.status_code == 202, (answer.status_code, answer.text[:500])
        return answer.json()

    def send(self, webhooks: Sequence[Webhook]) -> dict[str, bytes]:
        """Post all, some alone and some together, then a third of the requests again; return data by id."""
        requests = [[one] for one in webhooks[:_SINGLES]] + list(batches(webhooks[_SINGLES:], _EVENTS_A_POST))
        sent: dict[str, bytes] = {}
        for number, some in enumerate(requests):
            ids = self._send(some, number)
            sent |= zip(ids, (one.data for one in some), strict=True)
        for number, some in list(enumerate(requests))[::3]:
            assert set(self._send(some, number)) <= sent.keys()
        return sent

    def _send(self, some: Sequence[Webhook], number: int) -> list[str]:
        content = some[0].posted if len(some) == 1 else batch(one.posted for one in some)
        answer = self.post("/v1/events", content, **{"idempotency-key": f"request-{number}"})
        return [one["id"] for one in answer.get("events", [answer])]

    def follow(self, count: int) -> list[Listed]:
        """Return all events of a cursor from the beginning until there are `count`, and two empty pages more."""
        found: list[Listed] = []
        after, deadline = None, time.monotonic() + _DEADLINE_SECONDS
        quiet = 0
        while quiet < 2:
            page = self._page(after)
            found += page.events
            after = page.next
            if len(found) < count and time.monotonic() > deadline:
                raise TimeoutError(f"only {len(found)} of {count} events are listed")
            if not page.events:
                quiet += len(found) >= count
                time.sleep(2)
        return found

    def listed(self) -> set[str]:
        """Return the ids of all listed events."""
        page = self._page(None)
        found = {one.id for one in page.events}
        while page.more:
            page = self._page(page.next)
            found |= {one.id for one in page.events}
        return found

    def _page(self, after: str | None) -> Page:
        answer = self.http.get("/v1/inbox", params={"limit": "100"} | ({"after": after} if after else {}))
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return msgspec.json.decode(answer.content, type=Page)

    def lease_all(self, *, release_every: int) -> Counter[str]:
        """Lease and ack all events as a member of a group, releasing every n-th of them once; return the acked ids."""
        done: Counter[str] = Counter()
        released: set[str] = set()
        while lease := self._leased():
            events = [(event["position"], event["id"]) for event in lease["events"]]
            again = [position for position, _ in events[::release_every] if position not in released]
            released |= set(again)
            if again:
                self._use(lease["lease"], "release", {"positions": again, "delay": 0})
            acked = [(position, id_) for position, id_ in events if position not in again]
            if acked:
                self._use(lease["lease"], "ack", {"positions": [position for position, _ in acked]})
            done.update(id_ for _, id_ in acked)
        return done

    def _leased(self) -> dict[str, Any] | None:
        body = {"group": "rehearsal", "limit": 50, "seconds": 60, "wait": 5}
        answer = self.http.post("/v1/leases", json=body)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        found: dict[str, Any] = answer.json()
        return found if found["lease"] else None

    def _use(self, lease: str, action: str, body: dict[str, Any]) -> None:
        answer = self.http.post(f"/v1/leases/{lease}/{action}", json=body)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])

    def timing(self) -> str:
        """Return a summary of the durations of POSTs."""
        slowest = sorted(self.seconds)
        return f"{len(slowest)} POSTs, median {statistics.median(slowest) * 1000:.0f} ms, slowest {slowest[-1]:.1f} s"


def until(holds: Callable[[], object]) -> None:
    """Wait until `holds`, for up to two minutes; raise `TimeoutError` after that."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(1)
