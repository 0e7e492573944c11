"""Takes over windows whose members have not come back in time, and isolates events that make members fail.

A window that came back twice is halved. A half that comes back becomes single retries, each leased alone, so that only
the event at fault goes into quarantine. With few attempts allowed, a window is divided earlier.
"""

import enum
from collections.abc import Sequence
from typing import NoReturn

from msgspec.structs import replace

from shared.model import position as positions
from shared.model.groups import DIGEST_BYTES, RangeWindow, Retry, RetryWindow
from shared.model.records import StoredEvent
from shared.settings import Settings
from worker.groups.events import GroupEvents
from worker.groups.ledgers import Again, Ledgers, check_room
from worker.groups.retries import Retries
from worker.groups.turn import LAPSED, Lease, Turn

MAX_SPLIT = 100
"""Events that become single retries at once. A larger part is halved again."""

_WHOLE_ATTEMPTS = 2


class Division(enum.Enum):
    """What becomes of a window that came back."""

    WHOLE = "whole"
    HALVES = "halves"
    SINGLES = "singles"
    QUARANTINE = "quarantine"


def division_of(window: RangeWindow, events: int, max_attempts: int) -> Division:
    """Return how to divide `window`, which has `events` events left."""
    if window.becomes:
        return Division(window.becomes)
    if events == 1:
        return Division.QUARANTINE if window.attempt >= max_attempts else Division.WHOLE
    # The last attempt but one of an event is in a half, and the last one alone.
    if window.attempt < max(1, min(_WHOLE_ATTEMPTS, max_attempts - 2)) + window.halvings:
        return Division.WHOLE
    may_halve_first = max_attempts > _WHOLE_ATTEMPTS and not window.halvings
    return Division.HALVES if may_halve_first or events > MAX_SPLIT else Division.SINGLES


class Lapsed:
    """The windows of groups that may be leased again."""

    def __init__(self, ledgers: Ledgers, events: GroupEvents, retries: Retries, settings: Settings) -> None:
        self._ledgers = ledgers
        self._events = events
        self._retries = retries
        self._skew_ms = settings.clock_skew_ms

    async def take(self, turn: Turn) -> Lease | None:
        """Lease a part of the window that lapsed first, None if there is none; raise `Again` after other changes."""
        windows = turn.ledger.windows
        lapsed = [key for key, window in windows.items() if self.lapses_ms(window.until) <= turn.now_ms]
        if not lapsed:
            return None
        key = min(lapsed, key=lambda name: (windows[name].until, name))
        window = windows[key]
        if isinstance(window, RetryWindow):
            fenced = replace(window, until=turn.until_ms)
            await self._exclusively(turn, key, window, fenced)
        return await self._take_range(turn, key, window)

    def lapses_ms(self, until: int) -> int:
        """Return when a window with `until` can be taken over: when it is past by every clock."""
        return until + self._skew_ms

    async def _take_range(self, turn: Turn, key: str, window: RangeWindow) -> Lease:
        events = await self._events.within(turn.group, window, turn.config.types)
        if not events:
            await self._ledgers.exchange(turn.group, key, window, {})
            raise Again
        division = division_of(window, len(events), turn.config.max_attempts)
        if division in (Division.SINGLES, Division.QUARANTINE):
            fenced = replace(window, until=turn.until_ms, is_held=False, becomes=division.value)
            await self._exclusively(turn, key, window, fenced)
        if division is Division.HALVES:
            window_left = replace(window, halvings=window.halvings + 1)
            return await self._give(turn, key, window_left, events, (len(events) + 1) // 2)
        return await self._give(turn, key, window, events, len(events))

    async def _give(
        self,
        turn: Turn,
        key: str,
        left: RangeWindow,
        events: Sequence[StoredEvent],
        most: int,
    ) -> Lease:
        """Lease the first of the `events` of window `key`, up to `most`; `left` is what the next lease is based on.

        The events that follow them stay, as a window of their own.
        """
        given = events[: min(most, turn.limit)]
        finished = await self._events.finish(given)
        if not finished.events:
            raise Again
        is_divided = finished.is_cut or len(given) < len(events)
        end = positions.to_bytes(finished.end) if is_divided else left.end
        done = len(left.done) // DIGEST_BYTES
        held = replace(
            left,
            end=end,
            until=turn.until_ms,
            attempt=left.attempt + 1,
            handed=len(finished.events) + done,
            is_held=True,
        )
        new_key = self._ledgers.new_key()
        windows = {new_key: held}
        if is_divided:
            check_room(turn.ledger, 1)
            others = len(events) - len(finished.events) + done
            windows[self._ledgers.new_key()] = replace(left, start=end, until=0, handed=others, is_held=False)
        if not await self._ledgers.exchange(turn.group, key, turn.ledger.windows[key], windows):
            raise Again
        contents = [content for _, content in finished.events]
        return Lease(key=new_key, until_ms=held.until, attempt=held.attempt, events=contents, more=True)

    async def _exclusively(
        self, turn: Turn, key: str, seen: RangeWindow | RetryWindow, fenced: RangeWindow | RetryWindow
    ) -> NoReturn:
        """Turn a window into retries or put its event into quarantine, then remove it; always raise `Again`.

        Under a new key first, since until then the member that had the window may ack it. If this process dies
        meanwhile, the window lapses again, and is divided again into rows of the same names.
        """
        mine = self._ledgers.new_key()
        if not await self._ledgers.exchange(turn.group, key, seen, {mine: fenced}):
            raise Again
        if isinstance(fenced, RetryWindow):
            await self._retries.release_lapsed(turn, fenced)
        else:
            await self._divide(turn, fenced)
        await self._ledgers.exchange(turn.group, mine, fenced, {})
        raise Again

    async def _divide(self, turn: Turn, window: RangeWindow) -> None:
        """Write the events of `window` as single retries, or put them into quarantine, as `becomes` says."""
        events = await self._events.within(turn.group, window, turn.config.types)
        singles = [_single(event, window) for event in events]
        if window.becomes == Division.QUARANTINE.value:
            await self._retries.quarantine(turn.group, turn.ledger, singles)
        else:
            await self._retries.put(turn.group, turn.ledger, singles)


def _single(event: StoredEvent, window: RangeWindow) -> Retry:
    # Due since the event was stored: a name that does not change if the division is repeated.
    position = event.place.position
    return Retry(
        due=positions.time_of(position),
        position=position,
        attempt=window.attempt,
        alone=True,
        reason=window.reason or LAPSED,
    )
