"""Single events: leased again when they are due, and put into quarantine when they have failed too often.

The row of a retry stays until its event is done; the window only says that it is leased. So a crash at any point leaves
at least one of the two, and a row whose position an open window covers is not leased.
"""

from collections.abc import Sequence

from shared.clock import Clock
from shared.containers import batches
from shared.group_ports import MAX_ROWS, GroupStore
from shared.model import position as positions
from shared.model.groups import GroupName, Ledger, Quarantined, Retry, RetryWindow, Single
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.groups.events import GroupEvents
from worker.groups.ledgers import Again, Ledgers
from worker.groups.turn import LAPSED, Lease, Turn

_PAGE = 100
_DAY_SECONDS = 86_400


class Retries:
    """The retries and the quarantine of groups."""

    def __init__(
        self,
        store: GroupStore,
        ledgers: Ledgers,
        events: GroupEvents,
        *,
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._ledgers = ledgers
        self._events = events
        self._clock = clock
        self._skew_ms = settings.clock_skew_ms
        self._quarantined = metrics.group_events.of("quarantined")
        # An event is gone after EVENT_TTL_DAYS, so its rows need not live longer.
        self._kept_seconds = (settings.event_ttl_days + 1) * _DAY_SECONDS

    async def take(self, turn: Turn) -> Lease | None:
        """Lease retries that are due, None if there are none; raise `Again` if another member was faster.

        Up to `MAX_ROWS` share a lease. One that may be what made its members fail has a lease of its own.
        """
        due = await self._due(turn)
        if not due:
            return None
        found = await self._events.at(turn.group, [retry.position for retry in due], turn.config.types)
        gone = [retry for retry, event in zip(due, found, strict=True) if event is None]
        if gone:
            await self._store.delete_retries(turn.group, turn.ledger.epoch, [_name(retry) for retry in gone])
        finished = await self._events.finish([event for event in found if event is not None])
        if not finished.events:
            raise Again
        rows = {retry.position: retry for retry in due}
        leased = [rows[event.place.position] for event, _ in finished.events]
        window = RetryWindow(until=turn.until_ms, singles=tuple(map(_leased, leased)))
        key = self._ledgers.new_key()
        await self._ledgers.open(turn.group, turn.ledger, turn.ledger.frontier, {key: window})
        return Lease(
            key=key,
            until_ms=turn.until_ms,
            attempt=max(single.attempt for single in window.singles),
            events=[content for _, content in finished.events],
            more=True,
        )

    async def put(self, group: GroupName, ledger: Ledger, retries: Sequence[Retry]) -> None:
        """Write retries."""
        for batch in batches(retries, MAX_ROWS):
            await self._store.put_retries(group, ledger.epoch, batch, self._expiry())

    async def remove(self, group: GroupName, ledger: Ledger, singles: Sequence[Single]) -> None:
        """Delete the rows of leased retries: they are done, or written anew."""
        for batch in batches([(single.due, single.position) for single in singles], MAX_ROWS):
            await self._store.delete_retries(group, ledger.epoch, batch)

    async def quarantine(self, group: GroupName, ledger: Ledger, retries: Sequence[Retry]) -> None:
        """Put the events of `retries`, which need not have rows, into quarantine."""
        now_ms = self._clock.wall_ms()
        failed = [
            Quarantined(position=retry.position, attempts=retry.attempt, at=now_ms, reason=retry.reason)
            for retry in retries
        ]
        for batch in batches(failed, MAX_ROWS):
            await self._store.put_quarantined(group, ledger.born, batch, self._expiry())
            self._quarantined.add(len(batch))

    async def release_lapsed(self, turn: Turn, window: RetryWindow) -> None:
        """Count the attempt of the retries in `window`, which lapsed and has a new key.

        An event that was alone and has used up its attempts goes into quarantine; the others are leased alone.
        """
        group, ledger = turn.group, turn.ledger
        names = [(single.due, single.position) for single in window.singles]
        existing = {_name(row) for row in await self._store.find_retries(group, ledger.epoch, names)}
        counted = [
            Retry(due=single.due, position=single.position, attempt=single.attempt, alone=True, reason=LAPSED)
            for single in window.singles
            if (single.due, single.position) in existing
        ]
        if len(window.singles) == 1 and window.singles[0].attempt >= turn.config.max_attempts:
            await self.quarantine(group, ledger, counted)
            await self.remove(group, ledger, window.singles)
        else:
            await self.put(group, ledger, counted)

    async def next_due(self, group: GroupName, ledger: Ledger) -> int | None:
        """Return when the first retry that is not leased can be leased (epoch milliseconds), None if there is none."""
        for retry in await self._store.retries(group, ledger.epoch, limit=_PAGE):
            if not ledger.is_leased(retry.position):
                return retry.due + self._skew_ms
        return None

    async def _due(self, turn: Turn) -> list[Retry]:
        """Return retries to lease together. None is due before its time by any clock."""
        found: dict[str, Retry] = {}
        before, after = turn.now_ms - self._skew_ms + 1, (0, "")
        while True:
            page = await self._store.retries(turn.group, turn.ledger.epoch, limit=_PAGE, before=before, after=after)
            for retry in page:
                if retry.position in found or turn.ledger.is_leased(retry.position):
                    continue
                if retry.alone and found:
                    continue
                found[retry.position] = retry
                if retry.alone or len(found) == min(turn.limit, MAX_ROWS):
                    return list(found.values())
            if len(page) < _PAGE:
                return list(found.values())
            after = _name(page[-1])

    def _expiry(self) -> int:
        return self._clock.wall_ms() // 1000 + self._kept_seconds


def _name(retry: Retry) -> tuple[int, str]:
    return retry.due, retry.position


def _leased(retry: Retry) -> Single:
    return Single(due=retry.due, at=positions.to_bytes(retry.position), attempt=retry.attempt + 1, reason=retry.reason)
