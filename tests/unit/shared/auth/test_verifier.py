import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator

import pytest

from shared.auth import verifier
from shared.auth.verifier import KeyVerifier
from shared.model import api_key
from shared.model.api_key import ApiKey
from shared.model.errors import RateLimited, Unauthorized, Unavailable, Unclear
from tests.fakes.clock import START_MS, FakeClock
from tests.fakes.keys import FakeKeyStore
from tests.fakes.waiting import until

CACHE_SECONDS = 30


class SlowHash:
    """Replaces bcrypt: counts calls and the maximum that ran at once, and blocks until `unblocked` is set."""

    def __init__(self) -> None:
        self.runs = 0
        self.running = 0
        self.most_running = 0
        self.unblocked = threading.Event()
        self.unblocked.set()
        self._lock = threading.Lock()

    def __call__(self, secret: bytes, hashed: bytes) -> bool:
        with self._lock:
            self.runs += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        self.unblocked.wait(30)
        with self._lock:
            self.running -= 1
        return hashlib.sha256(secret).hexdigest().encode() == hashed


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeKeyStore()
        self.slow = SlowHash()
        self.ring = KeyVerifier(self.store, self.clock, cache_seconds=CACHE_SECONDS, check=self.slow)

    async def add(self, key_id: str = "abcd", expires_at: int | None = None) -> str:
        secret = f"{key_id}-secret-of-some-length"
        await self.store.put(
            ApiKey(
                key_id=key_id,
                tenant="t",
                name="n",
                scopes=api_key.SCOPES,
                secret_hash=hashlib.sha256(secret.encode()).hexdigest(),
                created_at=START_MS,
                expires_at=expires_at,
            )
        )
        return f"trg_{key_id}_{secret}"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    world.slow.unblocked.set()
    await world.ring.aclose()


async def test_a_key_is_unknown_until_verified_and_then_known_without_reading_or_hashing(world: World) -> None:
    token = await world.add()
    assert world.ring.known(token) is None
    verified = await world.ring.verify(token)
    assert world.ring.known(token) is verified
    assert await world.ring.verify(token) is verified
    assert (world.store.reads, world.slow.runs) == (1, 1)


@pytest.mark.parametrize("cost", [4, 10])
async def test_real_bcrypt_knows_the_secret(world: World, cost: int) -> None:
    key, token = api_key.create(tenant="t", name="n", scopes=["inbox:read"], now_ms=START_MS, bcrypt_cost=cost)
    await world.store.put(key)
    ring = KeyVerifier(world.store, world.clock, cache_seconds=CACHE_SECONDS)
    assert await ring.verify(token) == key
    with pytest.raises(Unauthorized):
        await ring.verify(token[:-1] + ("a" if token[-1] != "a" else "b"))


async def test_after_a_restart_a_thousand_keys_are_verified_at_once(world: World) -> None:
    made = [api_key.create(tenant="t", name="n", scopes=["inbox:read"], now_ms=START_MS) for _ in range(1000)]
    for key, _ in made:
        await world.store.put(key)
    ring = KeyVerifier(world.store, world.clock, cache_seconds=CACHE_SECONDS)
    assert await asyncio.gather(*(ring.verify(token) for _, token in made)) == [key for key, _ in made]


async def test_concurrent_first_requests_share_one_read_and_one_hash(world: World) -> None:
    token = await world.add()
    await asyncio.gather(*(world.ring.verify(token) for _ in range(50)))
    assert (world.store.reads, world.slow.runs) == (1, 1)


async def test_a_first_request_that_is_cancelled_does_not_stop_the_others(world: World) -> None:
    token = await world.add()
    world.slow.unblocked.clear()
    first, second = (asyncio.create_task(world.ring.verify(token)) for _ in range(2))
    await until(lambda: world.slow.running == 1)
    first.cancel()
    world.slow.unblocked.set()
    assert (await second).key_id == "abcd"
    assert first.cancelled()


async def test_never_more_than_two_hashes_run_at_once(world: World) -> None:
    tokens = [await world.add(name) for name in ("aaaa", "bbbb", "cccc", "dddd", "eeee")]
    world.slow.unblocked.clear()
    verifying = [asyncio.create_task(world.ring.verify(token)) for token in tokens]
    await until(lambda: world.slow.running == 2)
    await asyncio.sleep(0.01)
    world.slow.unblocked.set()
    await asyncio.gather(*verifying)
    assert world.slow.most_running == 2
    assert world.slow.runs == 5


async def test_an_unknown_key_costs_no_hash_and_is_remembered_for_a_while(world: World) -> None:
    token = "trg_abcd_abcd-secret-of-some-length"  # noqa: S105 - of no account
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await world.ring.verify(token)
    assert (world.store.reads, world.slow.runs) == (1, 0)
    assert await world.add() == token
    world.clock.advance(10)
    assert (await world.ring.verify(token)).key_id == "abcd"


async def test_what_is_no_token_costs_nothing(world: World) -> None:
    with pytest.raises(Unauthorized):
        await world.ring.verify("hello")
    assert world.ring.known("hello") is None
    assert world.store.reads == 0


async def test_once_the_secret_is_known_a_wrong_one_costs_no_hash(world: World) -> None:
    token = await world.add()
    await world.ring.verify(token)
    for number in range(100):
        assert world.ring.known(f"{token}{number}") is None
        with pytest.raises(Unauthorized):
            await world.ring.verify(f"{token}{number}")
    assert world.slow.runs == 1


async def test_the_same_wrong_secret_is_hashed_once(world: World) -> None:
    token = await world.add()
    for _ in range(10):
        with pytest.raises(Unauthorized):
            await world.ring.verify(token + "x")
    assert world.slow.runs == 1


async def test_many_wrong_secrets_are_limited_and_the_right_one_gets_a_try_later(world: World) -> None:
    token = await world.add()
    refused = []
    for number in range(30):
        with pytest.raises((Unauthorized, RateLimited)) as caught:
            await world.ring.verify(f"{token}{number}")
        refused.append(caught.value)
    assert world.slow.runs == 5
    limited = refused[-1]
    assert isinstance(limited, RateLimited)
    world.clock.advance(limited.retry_after)
    assert (await world.ring.verify(token)).key_id == "abcd"


async def test_remembered_wrong_secrets_are_bounded(world: World) -> None:
    token = await world.add()
    for number in range(40):
        world.clock.advance(10)
        with pytest.raises(Unauthorized):
            await world.ring.verify(f"{token}{number}")
    before = world.slow.runs
    world.clock.advance(10)
    with pytest.raises(Unauthorized):
        await world.ring.verify(f"{token}0")  # forgotten by now
    assert world.slow.runs == before + 1


async def test_a_revoked_key_stops_working_when_its_record_is_read_again(world: World) -> None:
    token = await world.add()
    await world.ring.verify(token)
    await world.store.revoke("abcd", START_MS)
    assert world.ring.known(token) is not None
    world.clock.advance(CACHE_SECONDS)
    assert world.ring.known(token) is None
    with pytest.raises(Unauthorized, match="revoked"):
        await world.ring.verify(token)
    assert world.slow.runs == 1


async def test_an_expired_key_stops_working_at_once(world: World) -> None:
    token = await world.add(expires_at=START_MS + 10_000)
    await world.ring.verify(token)
    world.clock.advance(10)
    assert world.ring.known(token) is None
    with pytest.raises(Unauthorized, match="expired"):
        await world.ring.verify(token)


async def test_a_refresh_does_not_hash_again(world: World) -> None:
    token = await world.add()
    await world.ring.verify(token)
    world.clock.advance(CACHE_SECONDS)
    await world.ring.verify(token)
    assert world.ring.known(token) is not None
    assert (world.store.reads, world.slow.runs) == (2, 1)


async def test_a_known_key_outlives_an_outage_of_the_table_but_not_for_ever(world: World) -> None:
    token = await world.add()
    await world.ring.verify(token)
    world.store.down = True
    world.clock.advance(CACHE_SECONDS)
    assert (await world.ring.verify(token)).key_id == "abcd"
    reads = world.store.reads
    assert world.ring.known(token) is not None  # without asking the table at every request
    assert world.store.reads == reads
    world.clock.advance(verifier.STALE_SECONDS)
    with pytest.raises(Unavailable):
        await world.ring.verify(token)


async def test_an_unverified_key_is_unavailable_in_an_outage(world: World) -> None:
    token = await world.add()
    world.store.down = True
    with pytest.raises(Unavailable):
        await world.ring.verify(token)
    world.store.down = False
    assert (await world.ring.verify(token)).key_id == "abcd"


async def test_closing_gives_up_what_is_under_way(world: World) -> None:
    token = await world.add()
    world.slow.unblocked.clear()
    verifying = asyncio.create_task(world.ring.verify(token))
    await until(lambda: world.slow.running == 1)
    closing = asyncio.create_task(world.ring.aclose())
    with pytest.raises(asyncio.CancelledError):
        await verifying
    world.slow.unblocked.set()
    await closing


async def test_a_use_is_recorded_once_an_hour(world: World) -> None:
    token = await world.add()
    used = []
    for _ in range(300):
        await world.ring.verify(token)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        key = await world.store.get("abcd")
        assert key is not None
        used.append(key.last_used_at)
        world.clock.advance(CACHE_SECONDS)  # so that the record is read again
    assert sorted(set(filter(None, used))) == [START_MS, START_MS + 3_600_000, START_MS + 7_200_000]


async def test_a_use_that_another_process_recorded_is_not_recorded_again(world: World) -> None:
    token = await world.add()
    await world.store.record_use("abcd", START_MS - 1_800_000)
    await world.ring.verify(token)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.store.uses == 1


@pytest.mark.parametrize("error", [Unavailable("refused"), Unclear("cut off")])
async def test_a_use_that_can_not_be_recorded_fails_no_request_and_is_not_tried_at_each(
    world: World, error: Exception
) -> None:
    token = await world.add()
    world.store.use_error = error
    for _ in range(20):
        assert (await world.ring.verify(token)).key_id == "abcd"
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        world.clock.advance(CACHE_SECONDS)
    assert world.store.uses == 1


async def test_a_wrong_secret_is_no_use(world: World) -> None:
    token = await world.add()
    with pytest.raises(Unauthorized):
        await world.ring.verify(token + "x")
    await asyncio.sleep(0)
    assert world.store.uses == 0
