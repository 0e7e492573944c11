"""Leases events that no member was given yet: a range of positions after the frontier."""

from shared.model import position
from shared.model.groups import Ledger, RangeWindow, RetryWindow, digest_of
from worker.groups.events import GroupEvents, distinct
from worker.groups.ledgers import Again, Ledgers
from worker.groups.turn import Lease, Turn


class Fresh:
    """The events after the frontiers of groups."""

    def __init__(self, ledgers: Ledgers, events: GroupEvents) -> None:
        self._ledgers = ledgers
        self._events = events

    async def take(self, turn: Turn) -> Lease | None:
        """Lease the next events, None if there are none; raise `Again` if the frontier was advanced without one.

        A window is a range, never a number of events: what has left the inbox since then does not shift its end.
        """
        frontier = turn.ledger.frontier
        scanned = await self._events.after(turn.group, frontier, turn.config.types, turn.limit)
        found = distinct(scanned.events)
        elsewhere = _leased_as_retries(turn.ledger)
        given = [event for event in found if event.place.position not in elsewhere]
        finished = await self._events.finish(given)
        is_cut = finished.is_cut or len(found) < len(scanned.events)
        end = (finished.end or found[-1].place.position) if is_cut else scanned.end
        if not finished.events:
            if end <= frontier or not (scanned.more or found):
                return None  # nothing has moved, so nothing is written
            await self._ledgers.open(turn.group, turn.ledger, end, {})
            raise Again
        # Their members have them, and their rows stay until they are done.
        skipped = [place for event in found if (place := event.place.position) in elsewhere and place <= end]
        window = RangeWindow(
            start=position.to_bytes(frontier),
            end=position.to_bytes(end),
            until=turn.until_ms,
            attempt=1,
            handed=len(finished.events) + len(skipped),
            done=b"".join(map(digest_of, skipped)),
        )
        key = self._ledgers.new_key()
        await self._ledgers.open(turn.group, turn.ledger, end, {key: window})
        return Lease(
            key=key,
            until_ms=turn.until_ms,
            attempt=1,
            events=[content for _, content in finished.events],
            more=is_cut or scanned.more,
        )


def _leased_as_retries(ledger: Ledger) -> set[str]:
    """Return the positions of leased retries. Beyond the frontier are those that were in quarantine before a seek."""
    windows = [window for window in ledger.windows.values() if isinstance(window, RetryWindow)]
    return {single.position for window in windows for single in window.singles}
