"""Waiting requests, and what a poll found: matched once for each combination of types."""

from unittest.mock import patch

from shared.model.position import Minter
from shared.model.type_pattern import matches_any
from tests.fakes.clock import FakeClock
from worker.reading.waiter import EarlyWait, Poll, Polled, Waiter


def polled(*types: str | None) -> list[Polled]:
    minter = Minter(FakeClock())
    return [Polled(minter.mint(), type_) for type_ in types]


def test_the_first_match_at_or_after_the_start_is_found() -> None:
    events = polled("a", "b", "a", "b")
    poll = Poll(events)
    assert poll.first((), "", ()) is events[0]
    assert poll.first(("b",), "", ()) is events[1]
    assert poll.first(("b",), events[1].position, ()) is events[1]
    assert poll.first(("b",), events[2].position, ()) is events[3]
    assert poll.first(("b",), events[1].position, {events[1].position}) is events[3]
    assert poll.first(("c",), "", ()) is None
    assert poll.first(("b",), events[3].position + "0", ()) is None


def test_a_poll_that_stopped_early_matches_all_types() -> None:
    events = polled("a", None)
    assert Poll(events).first(("b",), "", ()) is events[1]


async def test_thousands_of_waiters_with_the_same_types_cost_one_match_of_each_event() -> None:
    poll = Poll(polled(*["a"] * 100))
    waiters = [Waiter("", types, "k", None) for types in (("a",), ["b", "c"]) for _ in range(2500)]
    with patch("worker.reading.waiter.matches_any", wraps=matches_any) as matched:
        for waiter in waiters:
            waiter.notify(poll, 8)
    assert matched.call_count == 200
    assert [waiter.found.done() for waiter in waiters] == [True] * 2500 + [False] * 2500
    assert waiters[0].delay_ms == 8


async def test_an_early_waiter_skips_what_it_has_read() -> None:
    events = polled("a", "a")
    waiter = Waiter("", (), "k", EarlyWait(frozenset({events[0].position}), events[0].position))
    waiter.notify(Poll(events))
    assert waiter.found.result() is events[1]
    assert waiter.delay_ms == 0
