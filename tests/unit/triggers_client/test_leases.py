"""Leases of a consumer group: what is acked, released and extended, and when."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from triggers_client import Client, Lease, LeaseLost

from tests.unit.triggers_client.talking import Api, problem

EVENTS = [{"id": "1", "position": "p1"}, {"id": "2", "position": "p2"}]
LEASED = {"lease": "L", "until": "2026-11-22T17:08:11.042Z", "attempt": 2, "events": EVENTS, "more": True}
NONE: dict[str, Any] = {"lease": None, "events": [], "more": False}


class Group:
    """An API that gives leases, and records their use."""

    def __init__(self, *leases: dict[str, Any], lost: bool = False) -> None:
        self.leases = list(leases)
        self.calls: list[tuple[str, Any]] = []
        self.extended = threading.Event()
        self._lost = lost
        self.api = Api(self._answer)

    @property
    def client(self) -> Client:
        return self.api.client()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        action, body = request.url.path.rpartition("/")[2], json.loads(request.content)
        if action == "leases":
            self.calls.append((action, body))
            return httpx.Response(200, json=self.leases.pop(0) if self.leases else NONE)
        self.calls.append((f"{request.url.path}", body))
        if action == "extend":
            self.extended.set()
        if self._lost:
            return problem(409)
        if action == "extend":
            return httpx.Response(200, json={"until": "later"})
        left = 0 if "positions" not in body else len(EVENTS) - len(body["positions"])
        return httpx.Response(200, json={"done": 1, "left": left} if action == "ack" else {"released": 1})

    def done(self) -> list[tuple[str, Any]]:
        return [call for call in self.calls if call[0] != "leases" and not call[0].endswith("extend")]


def leased(group: Group) -> Lease:
    lease = group.client.lease("billing")
    assert lease is not None
    return lease


def test_a_lease_asks_for_what_it_is_given() -> None:
    group = Group(LEASED)
    lease = group.client.lease("billing", "orders", limit=7, seconds=60, wait=3, start="newest")
    assert lease is not None
    assert (lease.id, lease.events, lease.attempt, lease.until) == ("L", EVENTS, 2, LEASED["until"])
    body = {"group": "billing", "inbox": "orders", "limit": 7, "seconds": 60, "wait": 3, "start": "newest"}
    assert group.calls == [("leases", body)]


def test_without_events_there_is_no_lease() -> None:
    group = Group()
    assert group.client.lease("billing") is None
    assert group.calls[0][1] == {"group": "billing", "inbox": "default", "limit": 100, "seconds": 300, "wait": 0}


@pytest.mark.parametrize(
    ("act", "call"),
    [
        (lambda lease: lease.ack(), ("ack", {})),
        (lambda lease: lease.ack(EVENTS[:1]), ("ack", {"positions": ["p1"]})),
        (lambda lease: lease.ack(remove=True), ("ack", {"remove": True})),
        (lambda lease: lease.release(), ("release", {})),
        (
            lambda lease: lease.release(EVENTS[1:], delay=9, reason="x" * 300),
            ("release", {"positions": ["p2"], "delay": 9, "reason": "x" * 200}),
        ),
        (lambda lease: lease.extend(60), ("extend", {"seconds": 60})),
    ],
)
def test_what_a_member_does_is_sent(act: Callable[[Lease], None], call: tuple[str, Any]) -> None:
    group = Group(LEASED)
    act(leased(group))
    assert group.calls[1] == (f"/v1/leases/L/{call[0]}", call[1])


def test_no_events_are_no_request() -> None:
    group = Group(LEASED)
    leased(group).ack([])
    assert len(group.calls) == 1


def test_an_extension_moves_the_end() -> None:
    lease = leased(Group(LEASED))
    lease.extend()
    assert lease.until == "later"


def test_a_lost_lease_says_so() -> None:
    lease = leased(Group(LEASED, lost=True))
    with pytest.raises(LeaseLost):
        lease.ack()
    assert lease.is_lost


def test_asking_for_the_next_lease_acks_the_last_one() -> None:
    group = Group(LEASED, NONE, {**LEASED, "lease": "M"})
    leases = group.client.leases("billing")
    assert next(leases).id == "L"
    assert group.done() == []
    assert next(leases).id == "M"
    assert group.done() == [("/v1/leases/L/ack", {})]


def test_what_its_member_has_ended_is_not_acked_again() -> None:
    group = Group(LEASED, LEASED, LEASED, LEASED)
    leases = group.client.leases("billing")
    next(leases).ack()
    next(leases).ack(EVENTS)
    next(leases).release()
    next(leases)
    assert [call for call, _ in group.done()] == ["/v1/leases/L/ack", "/v1/leases/L/ack", "/v1/leases/L/release"]


def test_an_exception_in_the_loop_releases_the_lease() -> None:
    group = Group(LEASED)

    def handle() -> None:
        for _ in group.client.leases("billing"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        handle()
    assert group.done() == [("/v1/leases/L/release", {})]


def test_leaving_the_loop_releases_the_lease() -> None:
    group = Group(LEASED)
    for _ in group.client.leases("billing"):
        break
    assert group.done() == [("/v1/leases/L/release", {})]


def test_a_lost_lease_does_not_end_the_loop() -> None:
    group = Group(LEASED, LEASED, lost=True)
    leases = group.client.leases("billing")
    first = next(leases)
    assert next(leases) is not first
    assert first.is_lost


def test_a_lease_is_extended_while_it_is_handled() -> None:
    group = Group(LEASED)
    for lease in group.client.leases("billing", seconds=1):
        assert group.extended.wait(10)
        lease.ack()
        break
    assert ("/v1/leases/L/extend", {"seconds": 1}) in group.calls


def test_closing_the_client_releases_what_is_being_handled() -> None:
    group = Group(LEASED)
    client = group.client
    leases = client.leases("billing")
    next(leases)
    client.close()
    assert group.done() == [("/v1/leases/L/release", {})]
