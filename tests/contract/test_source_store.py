"""The contract of `SourceStore`, on DynamoDB, SQLite and memory."""

import uuid
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from shared.aws.clients import AwsClients
from shared.aws.source_store import DynamoSourceStore
from shared.memory.source_store import MemorySourceStore
from shared.model import source as sources
from shared.model.errors import InvalidRequest, NotFound, Unavailable
from shared.model.source import SealedSecret, Source
from shared.model.source_rules import Rules
from shared.model.source_scheme import SchemeOptions
from shared.settings import Settings
from shared.source_ports import SourceStore
from tests.contract.build import sqlite_backend


@pytest.fixture
async def store(backend: Settings | None) -> AsyncIterator[SourceStore]:
    if backend is None:
        yield MemorySourceStore()
    elif backend.backend == "sqlite":
        async with sqlite_backend(backend) as opened:
            yield await opened.sources()
    else:
        async with AwsClients(backend).dynamodb() as client:
            yield DynamoSourceStore(client, backend.dynamodb_table_sources)


@pytest.fixture
def tenant() -> str:
    return f"a#b/ü {uuid.uuid4().hex}"


def a_source(tenant: str, name: str = "shop", **changes: object) -> Source:
    arguments: dict[str, object] = {"tenant": tenant, "name": name, "scheme": "none", "now_ms": 1}
    return sources.create(**(arguments | changes))[0]  # type: ignore[arg-type]


async def test_a_source_is_read_back_unchanged(store: SourceStore, tenant: str) -> None:
    plain = a_source(tenant)
    full = a_source(
        tenant,
        "full",
        scheme="hmac",
        inbox="in",
        options=SchemeOptions(header="X-A", algorithm="sha1", encoding="base64", prefix="v1,ü"),
        rules=Rules(type=("constant:ü\x00",), id=("json:/a~1b", "digest:body"), type_prefix="a."),
        keep_headers=("x-b",),
        window_seconds=7,
    )
    secret = SealedSecret(secret_id=uuid.uuid4().hex, sealed=bytes(range(256)), created_at=3)
    full = sources.disabled(sources.with_secret(full, secret), 4)
    for source in (plain, full):
        await store.put(source)
        assert await store.get(source.source_id) == source
        assert await store.find(tenant, source.name) == source


async def test_a_missing_source_is_none(store: SourceStore, tenant: str) -> None:
    assert await store.get("nope") is None
    assert await store.find(tenant, "nope") is None


async def test_names_are_unique_within_a_tenant(store: SourceStore, tenant: str) -> None:
    first, second = a_source(tenant), a_source(tenant)
    await store.put(first)
    with pytest.raises(InvalidRequest):
        await store.put(second)
    assert await store.find(tenant, "shop") == first
    assert await store.get(second.source_id) is None
    other = a_source(f"{tenant}2")
    await store.put(other)
    assert await store.find(other.tenant, "shop") == other


async def test_ids_are_unique(store: SourceStore, tenant: str) -> None:
    first = a_source(tenant)
    await store.put(first)
    with pytest.raises(InvalidRequest):
        await store.put(replace(first, name="other"))
    assert await store.find(tenant, "other") is None


async def test_sources_are_listed_by_tenant_and_name(store: SourceStore, tenant: str) -> None:
    late, early = a_source(tenant, "b"), a_source(tenant, "a")
    other = a_source(f"{tenant}2", "c")
    for source in (late, early, other):
        await store.put(source)
    assert await store.sources_of(tenant) == [early, late]
    assert [source for source in await store.sources_of() if source.tenant.startswith(tenant)] == [early, late, other]


async def test_a_change_replaces_only_the_previous_version(store: SourceStore, tenant: str) -> None:
    source = a_source(tenant)
    await store.put(source)
    off = sources.disabled(source, 5)
    await store.replace(off)
    assert await store.get(source.source_id) == off
    changed, _ = sources.with_new_url(source)
    with pytest.raises(Unavailable):
        await store.replace(changed)
    assert await store.find(tenant, "shop") == off
    await store.replace(sources.enabled(off))


async def test_a_change_of_a_missing_source_does_not_create_it(store: SourceStore, tenant: str) -> None:
    source = a_source(tenant)
    with pytest.raises(NotFound):
        await store.replace(sources.disabled(source, 5))
    assert await store.get(source.source_id) is None


async def test_a_deleted_source_frees_its_name(store: SourceStore, tenant: str) -> None:
    first = a_source(tenant)
    await store.put(first)
    await store.delete(first)
    assert await store.get(first.source_id) is None
    assert await store.find(tenant, "shop") is None
    second = a_source(tenant)
    await store.put(second)
    await store.delete(first)  # a second time
    assert await store.find(tenant, "shop") == second
    await store.delete(second)
    await store.delete(second)


async def test_a_store_is_ready(store: SourceStore) -> None:
    await store.ready()


async def test_a_missing_table_is_unavailable(deployment: Settings, tenant: str) -> None:
    async with AwsClients(deployment).dynamodb() as client:
        store = DynamoSourceStore(client, f"{deployment.dynamodb_table_sources}-not")
        source = a_source(tenant)
        for call in (
            store.ready(),
            store.find(tenant, "a"),
            store.sources_of(),
            store.put(source),
            store.replace(source),
            store.delete(source),
        ):
            with pytest.raises(Unavailable):
                await call


async def test_a_list_longer_than_a_page_is_complete(deployment: Settings, tenant: str) -> None:
    async with AwsClients(deployment).dynamodb() as client:
        store = DynamoSourceStore(client, deployment.dynamodb_table_sources)
        big = Rules(subject=("constant:" + "n" * 200_000,))  # a page is 1 MB
        made = [replace(a_source(tenant, f"s{number}"), rules=big) for number in range(8)]
        for source in made:
            await store.put(source)
        assert await store.sources_of(tenant) == made
