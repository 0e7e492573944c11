import asyncio
import json
import logging
import math

import pytest

from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.server.connections import MAX_REFUSED, Connections
from tests.fakes.waiting import until


class Connection:
    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        self.expired = asyncio.Event()

    def expire(self, now: float) -> None:
        assert now >= self.deadline
        self.deadline = math.inf
        self.expired.set()


def made(*, open_files: int | None = None, total: int = 3, per_address: int = 2) -> Connections:
    settings = Settings(max_connections=total, max_connections_per_address=per_address)
    return Connections(settings, Metrics(), open_files=open_files)


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
async def test_connections_per_address_are_bounded_and_an_ipv6_client_has_a_network(
    address: str, same: str, other: str
) -> None:
    connections = made()
    first = Connection()
    assert connections.admit(first, address) is None
    assert connections.admit(Connection(), same) is None
    assert connections.admit(Connection(), address) == "address"
    assert connections.admit(Connection(), other) is None
    assert connections.admit(Connection(), "192.0.2.9") == "connections"
    connections.discard(first)
    assert connections.admit(Connection(), same) is None


async def test_without_a_limit_for_addresses_one_may_have_all() -> None:
    connections = made(per_address=0)
    assert [connections.admit(Connection(), "192.0.2.1") for _ in range(4)] == [None, None, None, "connections"]


async def test_a_client_without_an_address_counts_for_the_process() -> None:
    connections = made()
    assert [connections.admit(Connection(), None) for _ in range(4)] == [None, None, None, "connections"]


async def test_open_files_limit_connections(caplog: pytest.LogCaptureFixture) -> None:
    connections = made(open_files=130, per_address=0)
    assert [connections.admit(Connection(), "a") for _ in range(3)] == [None, None, "connections"]
    assert [record.message for record in caplog.records] == ["open files limit the number of connections"]


async def test_a_deadline_is_acted_on_whether_admitted_or_refused() -> None:
    connections = made()
    admitted, refused, later = Connection(deadline=0), Connection(deadline=0), Connection()
    connections.admit(admitted, "a")
    connections.admit(later, "b")
    assert connections.keep_refused(refused)
    async with asyncio.timeout(5):
        await admitted.expired.wait()
        await refused.expired.wait()
    assert not later.expired.is_set()


async def test_refused_connections_are_bounded() -> None:
    connections = made()
    assert all(connections.keep_refused(Connection()) for _ in range(MAX_REFUSED))
    assert not connections.keep_refused(Connection())


async def test_refusals_are_logged_together(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    connections = made()
    connections.admit(Connection(), "a")
    for _ in range(100):
        connections.count("headers")
    connections.count("slow")
    await until(lambda: bool(caplog.records))
    (record,) = caplog.records
    assert json.dumps(record.__dict__["refusals"]) == '{"headers": 100, "slow": 1}'
