import asyncio
from collections.abc import Mapping

import pytest

from ingest.sources import registry
from ingest.sources.registry import REREAD_SECONDS, STALE_SECONDS, SourceRegistry
from ingest.sources.secrets import new_secret, seal
from shared.memory.source_store import MemorySourceStore
from shared.model import source as sources
from shared.model.errors import NotAuthentic, Unavailable
from shared.model.source import Source
from shared.secret_box import LocalSecretBox
from tests.fakes.clock import START_MS, FakeClock

CACHE_SECONDS = 30
KEY = bytes(range(32))


class CountingStore(MemorySourceStore):
    """Counts reads, and fails while `down`."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.down = False

    async def get(self, source_id: str) -> Source | None:
        self.reads += 1
        if self.down:
            raise Unavailable("down")
        await asyncio.sleep(0)
        return await super().get(source_id)


class CountingBox(LocalSecretBox):
    """Counts decryptions."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.opened = 0

    async def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        self.opened += 1
        return await super().open(sealed, context)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = CountingStore()
        self.box = CountingBox()
        self.registry = SourceRegistry(self.store, self.box, self.clock, cache_seconds=CACHE_SECONDS)

    async def add(self, name: str = "shop") -> tuple[Source, str]:
        source, token = sources.create(tenant="acme", name=name, scheme="github", now_ms=START_MS)
        source = sources.with_secret(source, await seal(self.box, source, b"secret", START_MS))
        await self.store.put(source)
        return source, token


@pytest.fixture
def world() -> World:
    return World()


async def test_a_source_is_read_once_for_many_deliveries(world: World) -> None:
    source, token = await world.add()
    found = await asyncio.gather(*(world.registry.find(token) for _ in range(100)))
    assert {one.source.source_id for one in found} == {source.source_id}
    await world.registry.find(token)
    assert (world.store.reads, world.box.opened) == (1, 1)


async def test_a_source_is_read_again_without_decrypting_its_secrets_again(world: World) -> None:
    source, token = await world.add()
    first = await world.registry.find(token)
    world.clock.advance(CACHE_SECONDS)
    assert await world.registry.find(token) is first
    await world.store.replace(sources.with_secret(source, await seal(world.box, source, b"other", START_MS)))
    world.clock.advance(CACHE_SECONDS)
    assert await world.registry.find(token) is not first
    assert (world.store.reads, world.box.opened) == (3, 2)


async def test_a_wrong_or_old_url_is_refused(world: World) -> None:
    source, token = await world.add()
    changed, new_token = sources.with_new_url(source)
    for wrong in (new_token, token[:-1] + ("A" if token[-1] != "A" else "B"), f"{token}A", "src_abcd_", ""):
        with pytest.raises(NotAuthentic):
            await world.registry.find(wrong)
    await world.store.replace(changed)
    world.clock.advance(CACHE_SECONDS)
    await world.registry.find(new_token)
    with pytest.raises(NotAuthentic):
        await world.registry.find(token)


async def test_a_new_url_works_within_seconds(world: World) -> None:
    source, token = await world.add()
    await world.registry.find(token)
    changed, new_token = sources.with_new_url(source)
    await world.store.replace(changed)
    with pytest.raises(NotAuthentic):  # read too recently
        await world.registry.find(new_token)
    world.clock.advance(REREAD_SECONDS)
    assert (await world.registry.find(new_token)).source == changed


async def test_a_wrong_url_causes_few_reads(world: World) -> None:
    _, token = await world.add()
    await world.registry.find(token)
    for _ in range(10):
        world.clock.advance(REREAD_SECONDS / 2)
        with pytest.raises(NotAuthentic):
            await world.registry.find(token[:-1] + ("A" if token[-1] != "A" else "B"))
    assert world.store.reads == 1 + 5


async def test_a_source_is_newer_only_if_its_record_changed(world: World) -> None:
    source, token = await world.add()
    old = await world.registry.find(token)
    world.clock.advance(REREAD_SECONDS)
    assert await world.registry.find_newer(old) is None
    disabled = sources.disabled(source, START_MS)
    await world.store.replace(disabled)
    world.clock.advance(REREAD_SECONDS)
    newer = await world.registry.find_newer(old)
    assert newer is not None
    assert newer.source == disabled


async def test_nothing_is_newer_during_an_outage(world: World) -> None:
    _, token = await world.add()
    old = await world.registry.find(token)
    world.store.down = True
    for seconds in (REREAD_SECONDS, STALE_SECONDS):
        world.clock.advance(seconds)
        assert await world.registry.find_newer(old) is None


async def test_an_unknown_source_is_cached_for_seconds(world: World) -> None:
    _, token = sources.create(tenant="acme", name="none", scheme="none", now_ms=START_MS)
    for _ in range(3):
        with pytest.raises(NotAuthentic):
            await world.registry.find(token)
    assert world.store.reads == 1
    world.clock.advance(5)
    with pytest.raises(NotAuthentic):
        await world.registry.find(token)
    assert world.store.reads == 2


async def test_a_deleted_source_stops_working(world: World) -> None:
    source, token = await world.add()
    await world.registry.find(token)
    await world.store.delete(source)
    world.clock.advance(CACHE_SECONDS)
    with pytest.raises(NotAuthentic):
        await world.registry.find(token)


async def test_a_cached_source_keeps_working_during_an_outage(world: World) -> None:
    _, token = await world.add()
    await world.registry.find(token)
    world.store.down = True
    world.clock.advance(STALE_SECONDS - 1)
    await world.registry.find(token)
    await world.registry.find(token)
    assert world.store.reads == 2  # not for every delivery
    world.clock.advance(STALE_SECONDS)
    with pytest.raises(Unavailable):
        await world.registry.find(token)


async def test_other_sources_are_unavailable_during_an_outage(world: World) -> None:
    _, token = await world.add()
    world.store.down = True
    with pytest.raises(Unavailable):
        await world.registry.find(token)
    world.store.down = False
    await world.registry.find(token)


async def test_a_secret_that_can_not_be_decrypted_is_unavailable(world: World) -> None:
    source, token = await world.add()
    moved = sources.create(tenant="acme", name="other", scheme="github", now_ms=START_MS)
    stolen, token = moved[0], moved[1]
    await world.store.put(sources.with_secret(stolen, source.secrets[0]))
    with pytest.raises(Unavailable) as refused:
        await world.registry.find(token)
    assert stolen.source_id in str(refused.value)


async def test_a_source_without_its_secret_is_unavailable(world: World) -> None:
    source, token = sources.create(tenant="acme", name="bare", scheme="github", now_ms=START_MS)
    await world.store.put(source)
    with pytest.raises(Unavailable):
        await world.registry.find(token)


async def test_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_ENTRIES", 2)
    tokens = [(await world.add(f"shop-{number}"))[1] for number in range(3)]
    for token in tokens:
        await world.registry.find(token)
    await world.registry.find(tokens[2])
    assert world.store.reads == 3
    await world.registry.find(tokens[0])
    assert world.store.reads == 4
    await world.registry.aclose()


async def test_a_generated_secret_fits_its_scheme(world: World) -> None:
    for scheme in ("stripe", "github", "gitlab", "standard", "basic", "slack"):
        source, _ = sources.create(tenant="acme", name="x", scheme=scheme, now_ms=START_MS)
        secrets = [new_secret(source) for _ in range(2)]
        assert secrets[0] != secrets[1]
        sealed = await seal(world.box, source, secrets[0], START_MS)
        assert secrets[0] not in sealed.sealed
        assert secrets[0].decode() not in repr(sources.with_secret(source, sealed))
