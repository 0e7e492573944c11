"""What a member does with its lease: ack, extend or release it, unless another member has taken it over."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from shared.clock import Clock
from shared.model.errors import Fault, InvalidRequest, LeaseLost, Unclear
from shared.model.groups import (
    DIGEST_BYTES,
    GroupName,
    Ledger,
    RangeWindow,
    Retry,
    RetryWindow,
    Single,
    Window,
    digest_of,
)
from shared.service_time import Reading
from worker.groups.events import GroupEvents
from worker.groups.ledgers import Ledgers
from worker.groups.retries import Retries

_TRIES = 8

Remove = Callable[[Sequence[str]], Awaitable[None]]
"""Sends acks of positions for the whole inbox."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How many events a call has ended, and how many are left in the lease."""

    done: int
    left: int


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """How to release events: after `delay_seconds`, or else after the backoff of the group."""

    positions: Sequence[str] | None = None
    delay_seconds: int | None = None
    reason: str = ""


class _Change(NamedTuple):
    """What replaces a window, and what to answer once it has."""

    windows: Mapping[str, Window]
    answer: Done


class Held:
    """The leases that members hold. All methods raise `NoSuchGroup` and `LeaseLost`."""

    def __init__(self, ledgers: Ledgers, events: GroupEvents, retries: Retries, clock: Clock) -> None:
        self._ledgers = ledgers
        self._events = events
        self._retries = retries
        self._clock = clock

    async def ack(self, group: GroupName, key: str, positions: Sequence[str] | None, remove: Remove | None) -> Done:
        """End the events at `positions`, or all that are left, for the group; and with `remove`, for the inbox.

        `remove` comes first: if this process dies in between, the event leaves the inbox, and so the group as well.
        Acking again what is done has no effect.
        """

        async def change(ledger: Ledger, window: Window) -> _Change:
            if isinstance(window, RetryWindow):
                chosen = _chosen(window, positions)
                if remove and chosen:
                    await remove([single.position for single in chosen])
                await self._retries.remove(group, ledger, chosen)
                return _without(key, window, chosen)
            fresh = None if positions is None else _not_done(window, positions)
            if remove:
                events = await self._events.within(group, window, ledger.config.types) if fresh is None else ()
                await remove(fresh if fresh is not None else [event.place.position for event in events])
            if fresh is None:
                return _Change({}, Done(done=window.left, left=0))
            return await self._mark_done(group, ledger, key, window, fresh)

        return await self._change(group, key, change)

    async def extend(self, group: GroupName, key: str, seconds: int) -> int:
        """Make the lease last for `seconds` from now; return until when (epoch milliseconds)."""
        now = Reading.of(self._clock)
        until_ms = now.wall_ms + seconds * 1000

        async def change(_: Ledger, window: Window) -> _Change:
            await self._events.check_clock(now)
            return _Change({key: replace(window, until=until_ms)}, Done(done=0, left=window.left))

        await self._change(group, key, change)
        return until_ms

    async def release(self, group: GroupName, key: str, release: Release) -> Done:
        """Give events back, to be leased again: those at the positions as single retries, or all as one window.

        An event that was named, or was alone in its lease, and has used up its attempts goes into quarantine. The
        retries are written before the window is changed: a crash in between leases an event twice, and loses none.
        """

        async def change(ledger: Ledger, window: Window) -> _Change:
            if isinstance(window, RetryWindow):
                return await self._release_singles(group, ledger, key, window, release)
            due = self._due(ledger, window.attempt, release)
            if release.positions is None:
                until = 0 if release.delay_seconds == 0 else due
                kept = replace(window, until=until, is_held=False, reason=release.reason)
                return _Change({self._ledgers.new_key(): kept}, Done(done=window.left, left=0))
            fresh = _not_done(window, release.positions)
            retries = [
                Retry(due=due, position=position, attempt=window.attempt, reason=release.reason) for position in fresh
            ]
            await self._write(group, ledger, retries)
            return await self._mark_done(group, ledger, key, window, fresh)

        return await self._change(group, key, change)

    async def _change(self, group: GroupName, key: str, change: Callable[[Ledger, Window], Awaitable[_Change]]) -> Done:
        for attempt in range(_TRIES):
            ledger = await self._ledgers.read(group)
            window = ledger.windows.get(key)
            if window is None or not window.is_held:
                raise LeaseLost
            windows, answer = await change(ledger, window)
            if windows == {key: window} or await self._ledgers.exchange(group, key, window, windows):
                return answer
            await self._ledgers.pause(attempt)  # changed by another call of the same member, or lost
        raise Unclear("a lease is changed by too many calls at once")

    async def _mark_done(
        self, group: GroupName, ledger: Ledger, key: str, window: RangeWindow, fresh: Sequence[str]
    ) -> _Change:
        marked = replace(window, done=window.done + b"".join(map(digest_of, fresh)))
        if marked.left:
            return _Change({key: marked}, Done(done=len(fresh), left=marked.left))
        # Whether really nothing is left, only the inbox can say: a position that names no event was counted, too.
        left = len(await self._events.within(group, marked, ledger.config.types))
        if not left:
            return _Change({}, Done(done=len(fresh), left=0))
        marked = replace(marked, handed=len(marked.done) // DIGEST_BYTES + left)
        return _Change({key: marked}, Done(done=len(fresh), left=left))

    async def _release_singles(
        self, group: GroupName, ledger: Ledger, key: str, window: RetryWindow, release: Release
    ) -> _Change:
        chosen = _chosen(window, release.positions)
        is_blamed = release.positions is not None or len(window.singles) == 1
        retries = [
            Retry(
                # Later than the row that it replaces, which is deleted by its name.
                due=max(self._due(ledger, single.attempt, release), single.due + 1),
                position=single.position,
                attempt=single.attempt,
                alone=not is_blamed,
                reason=release.reason,
            )
            for single in chosen
        ]
        await (self._write(group, ledger, retries) if is_blamed else self._retries.put(group, ledger, retries))
        await self._retries.remove(group, ledger, chosen)
        return _without(key, window, chosen)

    async def _write(self, group: GroupName, ledger: Ledger, retries: Sequence[Retry]) -> None:
        """Write retries; put those that have used up their attempts into quarantine."""
        most = ledger.config.max_attempts
        await self._retries.quarantine(group, ledger, [retry for retry in retries if retry.attempt >= most])
        await self._retries.put(group, ledger, [retry for retry in retries if retry.attempt < most])

    def _due(self, ledger: Ledger, attempt: int, release: Release) -> int:
        given = release.delay_seconds
        seconds = ledger.config.backoff_seconds(attempt) if given is None else given
        return self._clock.wall_ms() + seconds * 1000


def _not_done(window: RangeWindow, positions: Sequence[str]) -> list[str]:
    """Return those of `positions` that are not done; raise `InvalidRequest` if one is not in the range."""
    faults = [
        Fault(detail="The position is not one of this lease.", pointer=f"/positions/{index}")
        for index, position in enumerate(positions)
        if not window.spans(position)
    ]
    if faults:
        raise InvalidRequest("The positions are invalid. Nothing was changed.", faults)
    return [position for position in dict.fromkeys(positions) if not window.has_done(position)]


def _chosen(window: RetryWindow, positions: Sequence[str] | None) -> list[Single]:
    """Return the retries at `positions`, all if None. Others are done, or never were in the window."""
    wanted = None if positions is None else set(positions)
    return [single for single in window.singles if wanted is None or single.position in wanted]


def _without(key: str, window: RetryWindow, chosen: Sequence[Single]) -> _Change:
    left = tuple(single for single in window.singles if single not in chosen)
    windows = {key: replace(window, singles=left)} if left else {}
    return _Change(windows, Done(done=len(chosen), left=len(left)))
