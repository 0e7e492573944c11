"""Bugs in comparing clocks: when it is done, with which reading, and what a wrong clock may still decide."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from unittest.mock import patch

from shared.service_time import Reading, ServiceTime
from tests.simulation.planting import Bugs
from worker.commit.event_commit import CommitRules, EventCommit, Result
from worker.commit.processor import Processor
from worker.commit.resolver import Resolver
from worker.inbox.reader import Inbox

CLOCK_BUGS = Bugs()
_bug = CLOCK_BUGS.add


@_bug
def clock_checked_only_at_the_start() -> Iterator[Any]:
    """A process compares its clock with the first answer, and never again."""
    observe = ServiceTime.observe
    first: dict[int, ServiceTime] = {}

    def once(self: ServiceTime, *args: Any) -> None:
        if first.setdefault(id(self), self) is self and self._bounds is None:
            observe(self, *args)

    yield patch.object(ServiceTime, "observe", once)
    yield patch.object(ServiceTime, "confirms", lambda self, _: not self._is_wrong)
    yield patch.object(ServiceTime, "is_wrong", lambda self, _: self._is_wrong)


@_bug
def clock_checked_after_the_insert() -> Iterator[Any]:
    """A worker with a wrong clock stops, but only once its insert has been answered."""

    def young(self: EventCommit, position: str) -> bool:
        return self.age_ms(position) <= self._rules.settings.commit_deadline_ms

    yield patch.object(EventCommit, "may_commit", young)


@_bug
def only_a_clock_ahead_is_wrong() -> Iterator[Any]:
    """The sign of the error is lost: a clock that is behind is not noticed."""
    yield patch.object(ServiceTime, "confirms", lambda self, reading: self.error_ms(reading) <= self._limit_ms)
    yield patch.object(ServiceTime, "is_wrong", lambda self, now: self.error_ms(now) > self._limit_ms)


@_bug
def only_a_clock_behind_is_wrong() -> Iterator[Any]:
    """The same with the other sign."""
    yield patch.object(ServiceTime, "confirms", lambda self, reading: self.error_ms(reading) >= -self._limit_ms)
    yield patch.object(ServiceTime, "is_wrong", lambda self, now: self.error_ms(now) < -self._limit_ms)


@_bug
def readers_do_not_compare_clocks() -> Iterator[Any]:
    """Only workers do. A reader ahead passes what is not stored yet."""
    init = Inbox.__init__

    def without(self: Inbox, *args: Any, **options: Any) -> None:
        init(self, *args, **options | {"service_time": None})

    yield patch.object(Inbox, "__init__", without)


@_bug
def page_checked_with_a_later_reading() -> Iterator[Any]:
    """The clock is right again when the page has been read, but was not when its bound was computed."""
    init = Inbox.__init__

    class Later:
        def __init__(self, inbox: Inbox, service_time: ServiceTime) -> None:
            self._inbox = inbox
            self._service_time = service_time

        async def check(self, _: Reading, ask: Callable[[], Awaitable[object]]) -> None:
            await self._service_time.check(Reading.of(self._inbox._clock), ask)

    def later(self: Any, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        self._service_time = Later(self, self._service_time)

    yield patch.object(Inbox, "__init__", later)


@_bug
def wrong_clock_decides_what_has_expired() -> Iterator[Any]:
    """A worker whose clock is days ahead drops events as expired."""
    yield patch.object(CommitRules, "clock_is_wrong", lambda _: False)
    yield patch.object(CommitRules, "confirms_clock", lambda _: True)


@_bug
def messages_deleted_although_the_clock_is_wrong() -> Iterator[Any]:
    """A worker with a wrong clock gives its events up, and deletes their message."""
    disposition = Processor._disposition

    def done(self: Processor, one: Any) -> Any:
        for commit in one.commits:
            if commit.result is Result.POSTPONED and self._rules.clock_is_wrong():
                commit.result = Result.DUPLICATE
        return disposition(self, one)

    yield patch.object(Processor, "_disposition", done)


@_bug
def waits_for_positions_in_the_future() -> Iterator[Any]:
    """A worker whose clock was ahead has claimed an event; others wait until that time comes."""
    repair = Resolver._repair

    async def patient(self: Resolver, commit: EventCommit, current: Any, own: Any) -> Any:
        settle_ms = self._rules.settings.settle_ms
        await self._rules.clock.sleep_ms(max(0, -commit.age_ms(own.position) - settle_ms))
        return await repair(self, commit, current, own)

    yield patch.object(Resolver, "_repair", patient)
