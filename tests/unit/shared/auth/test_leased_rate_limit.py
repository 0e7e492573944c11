import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from shared.auth.leased_rate_limit import LAPSE_MS, LeasedLimiter
from shared.auth.rate_limit import Charge
from shared.auth.token_bucket import TokenBucketLimiter
from shared.memory.budget import MemoryBudget
from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable, Unclear
from shared.model.token_budget import Lease
from tests.fakes.clock import START_MS, FakeClock
from tests.fakes.waiting import until
from tests.key_records import a_key


class Table(MemoryBudget):
    """Buckets that count their writes, fail with `error`, and respond only while `unblocked` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = 0
        self.error: Exception | None = None
        self.unblocked = asyncio.Event()
        self.unblocked.set()

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:
        self.takes += 1
        await self.unblocked.wait()
        if self.error is not None:
            raise self.error
        return await super().take(key, least=least, most=most, now_ms=now_ms, full_us=full_us)


class World:
    """Processes that share a table, each with a limiter of its own."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.table = Table()
        self.limiters: list[LeasedLimiter] = []
        self.one = self.process()

    def process(self, ahead_ms: int = 0, max_keys: int = 100) -> LeasedLimiter:
        limiter = LeasedLimiter(self.table, FakeClock(START_MS + ahead_ms, follows=self.clock), max_keys)
        self.limiters.append(limiter)
        return limiter


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    for limiter in world.limiters:
        await limiter.aclose()


async def charge(limiter: LeasedLimiter, key: ApiKey, cost: int = 1) -> Charge:
    """As a request does it; background leases land before it returns."""
    charge = limiter.charge(key, cost)
    if charge.retry_after_seconds:
        charge = await limiter.settle(key, cost, charge)
    for _ in range(5):
        await asyncio.sleep(0)
    return charge


async def test_a_first_charge_waits_for_a_lease_and_the_next_is_granted_at_once(world: World) -> None:
    key = a_key()
    assert world.one.charge(key, 1).retry_after_seconds > 0
    assert (await charge(world.one, key)).retry_after_seconds == 0
    assert world.one.charge(key, 1).retry_after_seconds == 0
    assert world.table.takes == 1


async def test_processes_share_one_burst(world: World) -> None:
    key, other = a_key(), world.process()
    assert (await charge(world.one, key, 120)).retry_after_seconds == 0
    assert (await charge(other, key, 120)).retry_after_seconds > 0
    assert (await charge(other, key, 70)).retry_after_seconds == 0


async def test_a_charge_of_the_whole_burst_is_granted_and_a_larger_one_costs_no_more(world: World) -> None:
    assert (await charge(world.one, a_key("aaaa"), 200)).retry_after_seconds == 0
    assert (await charge(world.one, a_key("bbbb"), 1000)).retry_after_seconds == 0


async def test_tokens_that_are_given_back_can_be_taken_again(world: World) -> None:
    key, other = a_key(), world.process()
    await charge(world.one, key, 200)
    assert world.one.charge(key, -8).retry_after_seconds == 0
    assert (await charge(world.one, key, 8)).retry_after_seconds == 0
    assert (await charge(world.one, key, 1)).retry_after_seconds > 0
    assert (await charge(other, key, 1)).retry_after_seconds > 0


async def test_a_debt_blocks_until_it_is_repaid_from_leases(world: World) -> None:
    key = a_key()
    await charge(world.one, key, 150)
    assert world.one.owe(key, 250).remaining == 0
    assert (await charge(world.one, key, 10)).retry_after_seconds > 0
    world.clock.advance(15)
    assert (await charge(world.one, key, 190)).retry_after_seconds > 0  # the debt is repaid before
    world.clock.advance(2)
    assert (await charge(world.one, key, 190)).retry_after_seconds == 0


async def test_what_was_refused_is_granted_after_the_time_named(world: World) -> None:
    key = a_key()
    await charge(world.one, key, 200)
    refused = await charge(world.one, key, 50)
    world.clock.advance(refused.retry_after_seconds)
    assert (await charge(world.one, key, 50)).retry_after_seconds == 0


async def test_the_headers_report_the_tokens_left_for_all_processes(world: World) -> None:
    key, other = a_key(), world.process()
    assert await charge(world.one, key, 50) == Charge(remaining=150, full_after_seconds=1, retry_after_seconds=0.0)
    assert (await charge(other, key, 50)).remaining == 98  # but for the two held by the first


async def test_steady_use_costs_about_one_write_a_second(world: World) -> None:
    key = a_key(rate=1000, burst=2000)
    for _ in range(2000):
        world.clock.advance(0.01)
        assert (await charge(world.one, key, 5)).retry_after_seconds == 0
    assert world.table.takes <= 60  # in 20 seconds, and 2,000 requests


async def test_an_exhausted_key_costs_few_writes(world: World) -> None:
    key, other = a_key(rate=100, burst=200), world.process()
    for _ in range(10_000):
        world.clock.advance(0.001)
        await charge(world.one, key)
        await charge(other, key)
    assert world.table.takes <= 300  # in 10 seconds, and 20,000 requests


async def test_leases_are_fetched_ahead_so_steady_requests_do_not_wait(world: World) -> None:
    key = a_key(rate=1000, burst=2000)
    waits = 0
    for second in range(10):
        for _ in range(100):
            world.clock.advance(0.01)
            if world.one.charge(key, 3).retry_after_seconds:
                waits += second >= 5  # once the pace is known
                await charge(world.one, key, 3)
            for _ in range(5):
                await asyncio.sleep(0)
    assert waits == 0


async def test_requests_that_wait_share_a_lease(world: World) -> None:
    key = a_key()
    world.table.unblocked.clear()
    waiting = [asyncio.create_task(charge(world.one, key, 10)) for _ in range(20)]
    await until(lambda: world.table.takes == 1)
    world.table.unblocked.set()
    assert [granted.retry_after_seconds for granted in await asyncio.gather(*waiting)] == [0.0] * 20
    assert world.table.takes == 1


async def test_a_request_that_leaves_does_not_stop_the_others(world: World) -> None:
    key = a_key()
    world.table.unblocked.clear()
    first, second = (asyncio.create_task(charge(world.one, key, 10)) for _ in range(2))
    await until(lambda: world.table.takes == 1)
    first.cancel()
    world.table.unblocked.set()
    assert (await second).retry_after_seconds == 0
    assert first.cancelled()


async def test_unused_tokens_lapse(world: World) -> None:
    key = a_key()
    await charge(world.one, key)
    assert world.one.charge(key, 1).retry_after_seconds == 0
    world.clock.advance(LAPSE_MS / 1000)
    assert world.one.charge(key, 1).retry_after_seconds > 0
    assert (await charge(world.one, key)).retry_after_seconds == 0


async def test_a_large_charge_that_must_wait_does_not_keep_small_ones_from_what_there_is(world: World) -> None:
    key, other = a_key(), world.process()
    await charge(other, key, 100)
    for _ in range(3):
        assert (await charge(world.one, key, 200)).retry_after_seconds > 0
        assert (await charge(world.one, key, 5)).retry_after_seconds == 0


@pytest.mark.parametrize("error", [Unavailable("refused"), Unclear("cut off"), TimeoutError()])
async def test_while_the_table_does_not_answer_each_process_limits_alone(world: World, error: Exception) -> None:
    key, other = a_key(), world.process()
    world.table.error = error
    for limiter in (world.one, other):
        assert (await charge(limiter, key, 150)).retry_after_seconds == 0
        assert (await charge(limiter, key, 100)).retry_after_seconds > 0
    assert world.table.takes == 2


async def test_after_the_table_recovers_processes_share_a_budget_and_no_request_waited(world: World) -> None:
    key = a_key()
    world.table.error = Unavailable("refused")
    await charge(world.one, key)
    world.table.unblocked.clear()
    for _ in range(100):
        world.clock.advance(0.2)
        assert (await charge(world.one, key)).retry_after_seconds == 0
    assert world.table.takes == 2  # one that is under way for long by now
    world.table.error = None
    world.table.unblocked.set()
    await charge(world.one, key)
    other = world.process()
    assert (await charge(other, key, 150)).retry_after_seconds == 0
    assert (await charge(world.one, key, 150)).retry_after_seconds > 0


async def test_beyond_the_limit_the_oldest_lease_is_evicted(world: World) -> None:
    limiter = world.process(max_keys=2)
    for name in ("aaaa", "bbbb", "cccc"):
        await charge(limiter, a_key(name))
    assert limiter.charge(a_key("cccc"), 1).retry_after_seconds == 0
    assert limiter.charge(a_key("aaaa"), 1).retry_after_seconds > 0


async def test_closing_gives_up_a_lease_under_way(world: World) -> None:
    world.table.unblocked.clear()
    waiting = asyncio.create_task(charge(world.one, a_key()))
    await until(lambda: world.table.takes == 1)
    await world.one.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("skew_ms", [0, 400])
@pytest.mark.parametrize("seed", range(10))
async def test_processes_together_grant_no_more_than_one_bucket_allows_and_not_much_less_than_it_grants(
    world: World, seed: int, skew_ms: int
) -> None:
    choose = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    key = a_key(rate=choose.choice([7, 100, 1000]), burst=choose.choice([20, 200, 2000]))
    fleet = [world.process(choose.randint(0, skew_ms)) for _ in range(choose.randint(2, 8))]
    single, ideal, granted = TokenBucketLimiter(world.clock), 0, 0
    for _ in range(400):
        world.clock.advance(choose.choice([0, 0.001, 0.02, 0.3]))
        cost = min(key.burst, choose.choice([1, 1, 5, 100]))
        processes = choose.choices(fleet, k=choose.randint(1, 10))
        ideal += cost * sum(not single.charge(key, cost).retry_after_seconds for _ in processes)
        charges = await asyncio.gather(*(charge(limiter, key, cost) for limiter in processes))
        granted += cost * sum(not charge.retry_after_seconds for charge in charges)
    assert granted <= key.burst + key.rate * (world.clock.now_ms + skew_ms) / 1000
    if not skew_ms:
        assert granted >= 0.75 * ideal
