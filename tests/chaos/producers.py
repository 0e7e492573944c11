"""Producers: they post until they get a 202, and send some events twice."""

import asyncio
import random
from collections.abc import Callable, Sequence

import httpx
import msgspec

from tests.chaos.events import event_of, identity_in, identity_of
from tests.chaos.ledger import Ledger
from tests.chaos.plan import Plan
from tests.chaos.waiting import when

_SINGLE_SHARE = 0.5
_LARGEST_BATCH = 20
_REPEATED_SHARE = 0.1
_HASTY_SHARE = 0.02
_HASTY_SECONDS = 0.02  # such a producer often gives up on what was accepted
_ANSWER_SECONDS = 15.0
_REPEAT_WITHIN_SECONDS = 5.0
_BACK_OFF_SECONDS = 0.5
_ACCEPTED, _UNAVAILABLE = 202, 503


class Producers:
    """Posts the plan's events. `seen` returns how many of them the pipeline has listed, for the pace."""

    def __init__(
        self, client: httpx.AsyncClient, ledger: Ledger, plan: Plan, seen: Callable[[], int], rng: random.Random
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._plan = plan
        self._seen = seen
        self._rng = rng
        self._next = 0

    async def run(self) -> None:
        """Return when every event, every repeat and the burst has its 202."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._plan.producers):
                group.create_task(self._produce(group))
            group.create_task(self._burst())

    async def _produce(self, group: asyncio.TaskGroup) -> None:
        while self._next < self._plan.events:
            await self._pace()
            size = 1 if self._rng.random() < _SINGLE_SHARE else self._rng.randint(2, _LARGEST_BATCH)
            numbers = range(self._next, min(self._next + size, self._plan.events))
            self._next += size
            if not numbers:  # the others posted the rest meanwhile
                return
            await self._due(numbers[0])
            await self._post(numbers)
            if self._rng.random() < _REPEATED_SHARE:
                group.create_task(self._repeat(numbers))

    async def _pace(self) -> None:
        await when(lambda: len(self._ledger.accepted) - self._seen() <= self._plan.outstanding)

    async def _due(self, number: int) -> None:
        """Return when event `number` is due: immediately."""

    async def _repeat(self, numbers: Sequence[int]) -> None:
        await asyncio.sleep(self._rng.uniform(0, _REPEAT_WITHIN_SECONDS))
        await self._post(numbers)

    async def _burst(self) -> None:
        """Post one event, beyond the numbered ones, many times at once."""
        await when(lambda: len(self._ledger.accepted) >= self._plan.events // 3)
        await asyncio.gather(*(self._post([self._plan.events]) for _ in range(self._plan.burst)))

    async def _post(self, numbers: Sequence[int]) -> None:
        """Post events in one request, again and again until it is accepted, or refused."""
        events = [event_of(number) for number in numbers]
        body = msgspec.json.encode(events[0] if len(events) == 1 else events)
        while True:
            if await self._attempt(body, numbers):
                return
            await asyncio.sleep(self._rng.uniform(0, _BACK_OFF_SECONDS))

    async def _attempt(self, body: bytes, numbers: Sequence[int]) -> bool:
        seconds = _HASTY_SECONDS if self._rng.random() < _HASTY_SHARE else _ANSWER_SECONDS
        headers = {"Content-Type": "application/json"}
        try:
            answer = await self._client.post("/v1/events", content=body, headers=headers, timeout=seconds)
        except httpx.TimeoutException:
            self._ledger.answers["timeout"] += 1
            return False
        except httpx.TransportError:
            self._ledger.answers["cut"] += 1
            return False
        self._ledger.answers[str(answer.status_code)] += 1
        if answer.status_code == _ACCEPTED:
            self._take(answer, numbers)
            return True
        if answer.status_code == _UNAVAILABLE:
            return False
        self._ledger.faults.append(f"a POST was answered {answer.status_code}: {answer.text[:200]}")
        return True

    def _take(self, answer: httpx.Response, numbers: Sequence[int]) -> None:
        answered = answer.json()
        events = answered["events"] if len(numbers) > 1 else [answered]
        expected = [identity_of(number) for number in numbers]
        if [identity_in(event) for event in events] != expected:
            self._ledger.faults.append(f"a POST of {expected} was answered with other ids")
        for identity in expected:
            self._ledger.accept(identity)
