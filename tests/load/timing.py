"""Producers at a steady rate, pollers, and their measured times in seconds."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from tests.chaos.events import Identity, identity_in
from tests.chaos.follower import Follower
from tests.chaos.ledger import Ledger
from tests.chaos.producers import Producers
from tests.load.plan import Plan

_WAIT_SECONDS = 10
_PAGE = 200
_PAUSE_SECONDS = 0.5


class Times(Ledger):
    """The ledger, with the moments at which events were accepted, and first seen by a poller."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[float] = []
        """How long those took that were not to be repeated."""
        self._accepted_at: dict[Identity, float] = {}
        self._seen_at: dict[Identity, float] = {}

    def accept(self, identity: Identity) -> None:
        """Record one 202 for one event."""
        super().accept(identity)
        self._accepted_at.setdefault(identity, time.monotonic())

    def see(self, identity: Identity) -> None:
        """Record that a poller received an event."""
        self._seen_at.setdefault(identity, time.monotonic())

    @property
    def seen(self) -> int:
        """The number of events that any poller received."""
        return len(self._seen_at)

    @property
    def delays(self) -> list[float]:
        """Of each event that was seen, from its first 202 until then."""
        return [max(0.0, at - self._accepted_at.get(one, at)) for one, at in self._seen_at.items()]


class SteadyProducers(Producers):
    """Post events when they are due, and measure each answer."""

    def __init__(self, client: httpx.AsyncClient, times: Times, plan: Plan, rng: random.Random) -> None:
        super().__init__(client, times, plan.load, lambda: times.seen, rng)
        self._times = times
        self._rate = plan.rate
        self._count = plan.producers
        self._started = 0.0

    async def run(self) -> None:
        """Return when every event and every repeat has its 202."""
        self._started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._produce(group))

    async def _due(self, number: int) -> None:
        await asyncio.sleep(self._started + number / self._rate - time.monotonic())

    async def _attempt(self, body: bytes, numbers: Sequence[int]) -> bool:
        started = time.monotonic()
        is_done = await super()._attempt(body, numbers)
        if is_done:
            self._times.posts.append(time.monotonic() - started)
        return is_done


class Poller(Follower):
    """Long-polls inbox after inbox, each until it was given as many events as `inboxes` says it will hold."""

    def __init__(
        self, url: str, api_key: str, inboxes: Mapping[str, int], rng: random.Random, see: Callable[[Identity], None]
    ) -> None:
        super().__init__(url, api_key, list(inboxes), rng)
        self._wanted = inboxes
        self._see = see
        self._held: Counter[str] = Counter()
        self._wait_seconds = _WAIT_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Follow to the end; once `stop` is set, what has not come by then is not waited for."""
        async with self._client() as client:
            for inbox, wanted in self._wanted.items():
                while self._held[inbox] < wanted and not stop.is_set():
                    await self._read(client, inbox)
                    await asyncio.sleep(_PAUSE_SECONDS)
                if self._held[inbox] < wanted:
                    self._wait_seconds = 0
                    while not await self._read(client, inbox):
                        pass

    def _asked(self) -> dict[str, int]:
        return {"limit": _PAGE, "wait": self._wait_seconds}

    def _take(self, inbox: str, page: dict[str, Any]) -> None:
        for one in {identity_in(event) for event in page["events"]} - self.seen.keys():
            self._held[inbox] += 1
            self._see(one)
        super()._take(inbox, page)
