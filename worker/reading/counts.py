"""Counts the undelivered events of an inbox, up to a limit, and caches the counts."""

from typing import NamedTuple

from shared.clock import Clock
from shared.concurrency import SingleFlight, gather_all
from shared.containers import BoundedDict
from shared.model import position
from shared.model.records import Place
from shared.ports import EventReader

MAX_COUNT = 10_000
"""A larger count is returned as `10000+`."""

REMEMBERED_MS = 2000
"""How long a count is cached, for all clients."""

_MAX_QUERIES = 8
"""Queries per shard and count. DynamoDB counts at most 1 MB of items in each."""

_MAX_REMEMBERED = 1000


class _Name(NamedTuple):
    tenant: str
    inbox: str
    types: tuple[str, ...]
    after: str


class Counts:
    """The counts of one events table."""

    def __init__(self, reader: EventReader, clock: Clock, *, settle_ms: int) -> None:
        self._reader = reader
        self._clock = clock
        self._settle_ms = settle_ms
        self._counting: SingleFlight[_Name, int | str] = SingleFlight()
        self._remembered = BoundedDict[_Name, tuple[int, int | str]](_MAX_REMEMBERED)

    async def undelivered(
        self, tenant: str, inbox: str, types: tuple[str, ...], after: str = position.FIRST
    ) -> int | str:
        """Return how many events of `types` an inbox lists after a position, or `N+` for at least N.

        Counting stops at `MAX_COUNT`, or after `_MAX_QUERIES` per shard. The count is up to `REMEMBERED_MS` old. Raises
        `Unavailable` or `Unclear` if the table does not answer.
        """
        name = _Name(tenant, inbox, types, after)
        until_ms, count = self._remembered.get(name, (0, 0))
        if self._clock.monotonic_ms() < until_ms:
            return count
        return await self._counting.run(name, lambda: self._count(name))

    async def aclose(self) -> None:
        """Cancel the counts in progress."""
        await self._counting.aclose()

    async def _count(self, name: _Name) -> int | str:
        before = position.floor_of(self._clock.wall_ms() - self._settle_ms)
        shards = await self._reader.shards(Place(name.tenant, name.inbox, name.after), before)
        parts = await gather_all(self._count_shard(name, shard, before) for shard in range(shards))
        total = sum(counted for counted, _ in parts)
        at_least = total > MAX_COUNT or not all(complete for _, complete in parts)
        count = f"{min(total, MAX_COUNT)}+" if at_least else total
        self._remembered.pop(name, None)
        self._remembered[name] = (self._clock.monotonic_ms() + REMEMBERED_MS, count)
        return count

    async def _count_shard(self, name: _Name, shard: int, before: str) -> tuple[int, bool]:
        """Return how many events one shard holds, and whether that is all of them."""
        place = Place(name.tenant, name.inbox, name.after)
        counted = 0
        for _ in range(_MAX_QUERIES):
            answer = await self._reader.count(
                place, shard=shard, before=before, limit=MAX_COUNT - counted + 1, types=name.types
            )
            counted += answer.events
            if answer.stopped_at is None:
                return counted, True
            if counted > MAX_COUNT:
                break
            place = place._replace(position=answer.stopped_at)
        return counted, False
