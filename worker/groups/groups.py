"""The consumer groups of one deployment: everything that the HTTP API does, independent of HTTP and AWS."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from shared.clock import Clock
from shared.containers import BoundedDict
from shared.group_ports import GroupStore
from shared.model.errors import LeaseLost
from shared.model.groups import GroupName
from shared.model.records import Place
from shared.ports import BodyStore, EventReader
from shared.service_time import ServiceTime
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.groups.admin import Admin
from worker.groups.events import GroupEvents
from worker.groups.fresh import Fresh
from worker.groups.held import Done, Held, Release, Remove
from worker.groups.lapsed import Lapsed
from worker.groups.leases import Leases
from worker.groups.ledgers import Ledgers
from worker.groups.retries import Retries
from worker.groups.turn import Lease
from worker.groups.waiting import Waiting
from worker.reading.long_poll import LongPolls

_MAX_LOCKS = 10_000


class Groups:
    """The groups of one table, for one process."""

    def __init__(
        self,
        store: GroupStore,
        reader: EventReader,
        bodies: BodyStore,
        clock: Clock,
        settings: Settings,
        *,
        metrics: Metrics | None = None,
        service_time: ServiceTime | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        metrics = metrics or Metrics()
        self._store = store
        self._max_wait_seconds = settings.max_wait_seconds
        self._events = GroupEvents(reader, bodies, clock, settings, service_time)
        self._ledgers = Ledgers(store, clock, random_bytes=random_bytes)
        self._retries = Retries(store, self._ledgers, self._events, clock=clock, settings=settings, metrics=metrics)
        self._lapsed = Lapsed(self._ledgers, self._events, self._retries, settings)
        fresh = Fresh(self._ledgers, self._events)
        self._leases = Leases(self._ledgers, self._events, (self._lapsed, self._retries, fresh), clock, metrics)
        self._held = Held(self._ledgers, self._events, self._retries, clock)
        self.admin = Admin(
            store,
            ledgers=self._ledgers,
            events=self._events,
            retries=self._retries,
            reader=reader,
            clock=clock,
            settings=settings,
        )
        self._polls = LongPolls(reader, clock, settle_ms=settings.settle_ms)
        self._waiting = Waiting(clock, next_event=self._next_event, next_due=self._next_due)
        self._acked, self._released = (metrics.group_events.of(result) for result in ("acked", "released"))
        self._lost = metrics.leases_lost.of()
        metrics.members_waiting.of().read = lambda: self._waiting.members
        # Two takers of one process would only get in each other's way. A lock that is dropped costs a retry.
        self._releases: set[asyncio.Task[Done]] = set()
        self._locks = BoundedDict[GroupName, asyncio.Lock](_MAX_LOCKS)

    @property
    def waiting(self) -> int:
        """The number of members that wait for work."""
        return self._waiting.members

    async def lease(self, group: GroupName, *, limit: int, seconds: int, wait_seconds: float = 0) -> Lease | None:
        """Lease up to `limit` (1..1,000) events for `seconds`, waiting up to `wait_seconds` for the first of them.

        A wait ends after `MAX_WAIT_SECONDS`.

        Returns None if there are none. Raises `NoSuchGroup`, `TooManyLeases`, `ClockWrong`, `Unavailable` and
        `Unclear`.
        """

        async def take() -> Lease | None:
            taking = asyncio.create_task(self._take(group, limit, seconds))
            try:
                return await asyncio.shield(taking)
            except asyncio.CancelledError:
                taking.add_done_callback(lambda taken: self._give_back(group, taken))
                raise

        wait_seconds = min(wait_seconds, self._max_wait_seconds)
        return await (self._waiting.lease(group, wait_seconds, take) if wait_seconds else take())

    async def ack(
        self, group: GroupName, key: str, positions: Sequence[str] | None = None, remove: Remove | None = None
    ) -> Done:
        """End events of a lease, all that are left if `positions` is None; see `Held.ack`."""
        with self._counting_lost():
            done = await self._held.ack(group, key, positions, remove)
        self._acked.add(done.done)
        return done

    async def extend(self, group: GroupName, key: str, seconds: int) -> int:
        """Make a lease last for `seconds` from now; return until when (epoch milliseconds)."""
        with self._counting_lost():
            return await self._held.extend(group, key, seconds)

    async def release(self, group: GroupName, key: str, release: Release) -> Done:
        """Give events of a lease back; see `Held.release`."""
        with self._counting_lost():
            done = await self._held.release(group, key, release)
        self._released.add(done.done)
        self._waiting.notify(group)
        return done

    def notify(self, group: GroupName) -> None:
        """Let a waiting member of this process poll: events were released."""
        self._waiting.notify(group)

    async def ready(self) -> None:
        """Check both tables and the clock; raise `Unavailable` if one does not answer, and `ClockWrong`."""
        await self._store.ready()
        await self._events.ready()

    def stop_waiting(self) -> None:
        """Answer all members that wait, and let no later request wait."""
        self._waiting.stop()
        self._polls.stop()

    async def aclose(self) -> None:
        """Cancel what runs in the background."""
        self.stop_waiting()
        await self._polls.aclose()
        await asyncio.gather(*self._releases, return_exceptions=True)
        await self.admin.aclose()

    @contextmanager
    def _counting_lost(self) -> Iterator[None]:
        try:
            yield
        except LeaseLost:
            self._lost.add()
            raise

    async def _take(self, group: GroupName, limit: int, seconds: int) -> Lease | None:
        async with self._lock(group):
            return await self._leases.take(group, limit=limit, seconds=seconds)

    def _give_back(self, group: GroupName, taken: "asyncio.Task[Lease | None]") -> None:
        """Release a lease whose member has left before it was given, so that its events need not wait for its end."""
        if taken.cancelled() or taken.exception() or (lease := taken.result()) is None:
            return
        task = asyncio.create_task(self.release(group, lease.key, Release(delay_seconds=0)))
        self._releases.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, release: "asyncio.Task[Done]") -> None:
        self._releases.discard(release)
        if not release.cancelled():
            release.exception()  # marks it as retrieved: if it failed, the lease lapses

    def _lock(self, group: GroupName) -> asyncio.Lock:
        lock = self._locks.get(group)
        if lock is None:
            lock = self._locks[group] = asyncio.Lock()
        return lock

    async def _next_event(self, group: GroupName) -> None:
        ledger = await self._ledgers.read(group)
        place = Place(group.tenant, group.inbox, "")
        found = await self._polls.wait(place, self._events.bound(), ledger.config.types, group.tenant)
        if found is None:  # too many wait already: this member polls every two seconds
            await asyncio.Event().wait()

    async def _next_due(self, group: GroupName) -> int | None:
        ledger = await self._ledgers.read(group)
        times = [self._lapsed.lapses_ms(window.until) for window in ledger.windows.values()]
        retry = await self._retries.next_due(group, ledger)
        return min(times + ([] if retry is None else [retry]), default=None)
