"""Leases events to the members of groups: what lapsed first, then retries that are due, then what is new."""

from shared.clock import Clock
from shared.model.errors import Unavailable
from shared.model.groups import GroupName
from shared.service_time import Reading
from shared.telemetry.catalog import GROUP_SOURCES, Metrics
from shared.telemetry.instruments import Counter
from worker.groups.events import GroupEvents
from worker.groups.fresh import Fresh
from worker.groups.lapsed import Lapsed
from worker.groups.ledgers import Again, Ledgers
from worker.groups.retries import Retries
from worker.groups.turn import Lease, Turn

_MAX_STEPS = 100
"""Changes of the ledger that one request makes or yields to before it gives up."""


Source = Lapsed | Retries | Fresh


class Leases:
    """Takes leases of groups."""

    def __init__(
        self,
        ledgers: Ledgers,
        group_events: GroupEvents,
        sources: tuple[Lapsed, Retries, Fresh],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._ledgers = ledgers
        self._group_events = group_events
        counters = map(metrics.leases.of, GROUP_SOURCES)
        self._sources: list[tuple[Source, Counter]] = list(zip(sources, counters, strict=True))
        self._clock = clock
        self._events = metrics.lease_events.of()
        self._conflicts = metrics.lease_conflicts.of()

    async def take(self, group: GroupName, *, limit: int, seconds: int) -> Lease | None:
        """Lease up to `limit` events for `seconds`; return None if there are none.

        Raises `NoSuchGroup`, `TooManyLeases`, `ClockWrong`, and `Unavailable` or `Unclear` if a table does not answer.
        """
        for attempt in range(_MAX_STEPS):
            ledger = await self._ledgers.read(group)
            now = Reading.of(self._clock)
            await self._group_events.check_clock(now)  # it decides which leases have ended, and when this one does
            until_ms = now.wall_ms + seconds * 1000
            turn = Turn(group=group, ledger=ledger, limit=limit, now_ms=now.wall_ms, until_ms=until_ms)
            try:
                for source, leases in self._sources:
                    if lease := await source.take(turn):
                        leases.add()
                        self._events.observe(len(lease.events))
                        return lease
            except Again:
                self._conflicts.add()
                await self._ledgers.pause(min(attempt, 5))
            else:
                return None
        raise Unavailable("the group is changed by too many members at once")
