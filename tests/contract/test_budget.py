"""The buckets in the key table and those in memory keep the same promises."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.aws.budget import DynamoBudget
from shared.aws.key_store import DynamoKeyStore
from shared.key_ports import Budget
from shared.memory.budget import MemoryBudget
from shared.model.errors import Unavailable
from shared.model.token_budget import MAX_SKEW_MS, Lease, available
from shared.settings import Settings
from tests.contract.build import aws_of, sqlite_backend
from tests.key_records import a_new_key

NOW_MS = 1_800_000_000_000


@pytest.fixture
async def budget(backend: Settings | None) -> AsyncIterator[Budget]:
    if backend is None:
        yield MemoryBudget()
        return
    if backend.backend == "sqlite":
        async with sqlite_backend(backend) as sqlite:
            yield await sqlite.budget()
        return
    async with aws_of(backend).dynamodb() as client:
        yield DynamoBudget(client, backend.dynamodb_table_api_keys)


async def test_the_burst_is_leased_and_then_no_more(budget: Budget) -> None:
    key = a_new_key()
    first = await budget.take(key, least=1, most=150, now_ms=NOW_MS, full_us=0)
    second = await budget.take(key, least=1, most=150, now_ms=NOW_MS, full_us=first.full_us)
    third = await budget.take(key, least=1, most=150, now_ms=NOW_MS, full_us=second.full_us)
    assert (first.tokens, second.tokens, third.tokens) == (150, 50, 0)
    assert available(key, third.full_us, NOW_MS) == 0


async def test_tokens_come_back_with_time_but_never_beyond_the_burst(budget: Budget) -> None:
    key = a_new_key()
    full_us = (await budget.take(key, least=1, most=200, now_ms=NOW_MS, full_us=0)).full_us
    later = await budget.take(key, least=1, most=200, now_ms=NOW_MS + 500, full_us=full_us)
    assert later.tokens == 50
    much_later = await budget.take(key, least=1, most=500, now_ms=NOW_MS + 60_000, full_us=later.full_us)
    assert much_later.tokens == 200


async def test_too_few_tokens_are_not_taken(budget: Budget) -> None:
    key = a_new_key()
    full_us = (await budget.take(key, least=1, most=150, now_ms=NOW_MS, full_us=0)).full_us
    assert await budget.take(key, least=51, most=100, now_ms=NOW_MS, full_us=full_us) == Lease(0, full_us)
    assert (await budget.take(key, least=50, most=50, now_ms=NOW_MS, full_us=full_us)).tokens == 50


@pytest.mark.parametrize("wait_ms", [0, 500, 60_000])
async def test_a_wrong_guess_of_the_bucket_is_corrected(budget: Budget, wait_ms: int) -> None:
    key = a_new_key()
    right = await budget.take(key, least=1, most=150, now_ms=NOW_MS, full_us=0)
    there = min(200, 50 + wait_ms // 10)
    guessed = await budget.take(key, least=1, most=200, now_ms=NOW_MS + wait_ms, full_us=0)
    assert guessed.tokens == there
    assert guessed.full_us > right.full_us


async def test_a_bucket_that_was_forgotten_is_full(budget: Budget) -> None:
    # As after its item expired: the guess is from before.
    assert (await budget.take(a_new_key(), least=1, most=200, now_ms=NOW_MS, full_us=NOW_MS * 1000 - 1)).tokens == 200
    assert (await budget.take(a_new_key(), least=1, most=100, now_ms=NOW_MS, full_us=NOW_MS * 1000 + 1)).tokens == 100


async def test_leases_at_the_same_time_share_one_bucket(budget: Budget) -> None:
    key = a_new_key()
    leases = await asyncio.gather(
        *(budget.take(key, least=1, most=30, now_ms=NOW_MS, full_us=0) for _ in range(10)),
    )
    assert sum(lease.tokens for lease in leases) <= 200
    full_us = max(lease.full_us for lease in leases)
    rest = await budget.take(key, least=1, most=200, now_ms=NOW_MS, full_us=full_us)
    assert sum(lease.tokens for lease in leases) + rest.tokens == 200


async def test_a_rate_that_divides_nothing_grants_the_burst_one_by_one(budget: Budget) -> None:
    key = a_new_key(rate=7, burst=3)
    full_us, granted = 0, 0
    for _ in range(5):
        lease = await budget.take(key, least=1, most=1, now_ms=NOW_MS, full_us=full_us)
        full_us, granted = lease.full_us, granted + lease.tokens
    assert granted == 3


async def test_a_clock_that_is_a_little_slow_waits_and_one_that_is_far_off_gets_no_answer(budget: Budget) -> None:
    key = a_new_key()
    full_us = (await budget.take(key, least=1, most=200, now_ms=NOW_MS, full_us=0)).full_us
    slow = await budget.take(key, least=1, most=1, now_ms=NOW_MS - MAX_SKEW_MS // 2, full_us=0)
    assert slow == Lease(0, full_us)
    with pytest.raises(Unavailable, match="clock"):
        await budget.take(key, least=1, most=1, now_ms=NOW_MS - 2 * MAX_SKEW_MS, full_us=0)


async def test_a_missing_table_is_unavailable(deployment: Settings) -> None:
    async with aws_of(deployment).dynamodb() as client:
        budget = DynamoBudget(client, f"{deployment.dynamodb_table_api_keys}-not")
        with pytest.raises(Unavailable):
            await budget.take(a_new_key(), least=1, most=1, now_ms=NOW_MS, full_us=0)


async def test_buckets_are_not_taken_for_keys_and_expire(deployment: Settings) -> None:
    async with aws_of(deployment).dynamodb() as client:
        key, table = a_new_key(), deployment.dynamodb_table_api_keys
        await DynamoBudget(client, table).take(key, least=1, most=1, now_ms=NOW_MS, full_us=0)
        assert key.key_id not in {found.key_id for found in await DynamoKeyStore(client, table).keys_of()}
        item = (await client.get_item(TableName=table, Key={"pk": {"S": f"bucket#{key.key_id}"}}))["Item"]
        assert int(item["ttl"]["N"]) > NOW_MS // 1000 + key.burst // key.rate
