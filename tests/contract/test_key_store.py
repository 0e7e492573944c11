"""The key table and the one in memory keep the same promises."""

import uuid
from collections.abc import AsyncIterator

import pytest

from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.key_ports import KeyStore
from shared.memory.key_store import MemoryKeyStore
from shared.model.errors import NotFound, Unavailable
from shared.settings import Settings
from tests.contract.build import sqlite_backend
from tests.key_records import a_key, a_new_key


@pytest.fixture
async def store(backend: Settings | None) -> AsyncIterator[KeyStore]:
    if backend is None:
        yield MemoryKeyStore()
        return
    if backend.backend == "sqlite":
        async with sqlite_backend(backend) as sqlite:
            yield await sqlite.keys()
        return
    async with AwsClients(backend).dynamodb() as client:
        yield DynamoKeyStore(client, backend.dynamodb_table_api_keys)


@pytest.fixture
def tenant() -> str:
    return uuid.uuid4().hex


async def test_a_key_is_read_as_it_was_put(store: KeyStore) -> None:
    plain = a_new_key()
    full = a_new_key(tenant="a#b/ü", types=("order.*", "x"), rate=7, burst=9, expires_at=5, revoked_at=6)
    for key in (plain, full):
        await store.put(key)
        assert await store.get(key.key_id) == key


async def test_a_missing_key_is_none(store: KeyStore) -> None:
    assert await store.get("nope") is None


async def test_a_key_is_never_replaced(store: KeyStore) -> None:
    key = a_new_key()
    await store.put(key)
    with pytest.raises(ValueError, match=key.key_id):
        await store.put(a_key(key.key_id, tenant="other"))
    assert await store.get(key.key_id) == key


async def test_keys_are_listed_oldest_first_for_all_or_one_tenant(store: KeyStore, tenant: str) -> None:
    young, old = a_new_key(tenant=tenant, created_at=3), a_new_key(tenant=tenant, created_at=1)
    other = a_new_key(tenant=tenant + "2", created_at=2)
    for key in (young, old, other):
        await store.put(key)
    assert await store.keys_of(tenant) == [old, young]
    assert [key for key in await store.keys_of() if key.tenant.startswith(tenant)] == [old, other, young]


async def test_a_tenant_without_keys_has_none(store: KeyStore, tenant: str) -> None:
    assert await store.keys_of(tenant) == []


async def test_revoking_keeps_the_first_time(store: KeyStore) -> None:
    key = a_new_key()
    await store.put(key)
    assert (await store.revoke(key.key_id, 100)).revoked_at == 100
    assert (await store.revoke(key.key_id, 200)).revoked_at == 100
    read = await store.get(key.key_id)
    assert read is not None
    assert read.revoked_at == 100


async def test_revoking_a_missing_key_is_not_found(store: KeyStore) -> None:
    with pytest.raises(NotFound):
        await store.revoke("nope", 100)
    assert await store.get("nope") is None


async def test_a_key_expires_at_the_earliest_time_it_was_given(store: KeyStore) -> None:
    key = a_new_key()
    await store.put(key)
    assert (await store.expire(key.key_id, 200)).expires_at == 200
    assert (await store.expire(key.key_id, 100)).expires_at == 100
    assert (await store.expire(key.key_id, 300)).expires_at == 100
    read = await store.get(key.key_id)
    assert read is not None
    assert read.expires_at == 100


async def test_the_latest_use_is_kept(store: KeyStore) -> None:
    key = a_new_key()
    await store.put(key)
    for used_at in (200, 300, 100):
        await store.record_use(key.key_id, used_at)
    read = await store.get(key.key_id)
    assert read is not None
    assert read.last_used_at == 300


async def test_changing_a_missing_key_creates_none(store: KeyStore) -> None:
    with pytest.raises(NotFound):
        await store.expire("nope", 100)
    await store.record_use("nope", 100)
    assert await store.get("nope") is None


async def test_a_store_that_responds_is_ready(store: KeyStore) -> None:
    await store.ready()


async def test_a_missing_table_is_unavailable(deployment: Settings) -> None:
    async with AwsClients(deployment).dynamodb() as client:
        store = DynamoKeyStore(client, f"{deployment.dynamodb_table_api_keys}-not")
        for call in (
            store.ready(),
            store.keys_of(),
            store.put(a_new_key()),
            store.revoke("abcd", 1),
            store.record_use("a", 1),
        ):
            with pytest.raises(Unavailable):
                await call


async def test_a_list_longer_than_a_page_is_read_to_its_end(deployment: Settings, tenant: str) -> None:
    async with AwsClients(deployment).dynamodb() as client:
        store = DynamoKeyStore(client, deployment.dynamodb_table_api_keys)
        many = "n" * 200_000  # a page is 1 MB
        keys = [a_new_key(tenant=tenant, created_at=number, name=many) for number in range(8)]
        for key in keys:
            await store.put(key)
        assert await store.keys_of(tenant) == keys
