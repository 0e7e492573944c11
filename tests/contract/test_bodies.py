import pytest

from shared.model.errors import NotFound
from shared.model.records import body_key
from shared.ports import BodyStore
from tests.contract.build import Builder


async def test_a_body_is_read_back_byte_for_byte(bodies: BodyStore, make: Builder) -> None:
    key, body = body_key(make.tenant, make.position()), bytes(range(256)) * 2048

    await bodies.put(key, body)

    assert await bodies.get(key) == body


async def test_a_body_may_be_put_twice(bodies: BodyStore, make: Builder) -> None:
    key = body_key(make.tenant, make.position())

    await bodies.put(key, b"{}")
    await bodies.put(key, b"{}")

    assert await bodies.get(key) == b"{}"


async def test_a_put_after_a_delete_has_no_effect(bodies: BodyStore, make: Builder) -> None:
    key, never_put = (body_key(make.tenant, make.position()) for _ in range(2))
    await bodies.put(key, b"{}")

    for one in (key, never_put):
        await bodies.delete(one)
        await bodies.put(one, b"{}")

        with pytest.raises(NotFound):
            await bodies.get(one)


async def test_a_missing_body_is_not_found(bodies: BodyStore, make: Builder) -> None:
    with pytest.raises(NotFound):
        await bodies.get(body_key(make.tenant, make.position()))


async def test_a_deleted_body_is_gone_and_deleting_it_again_is_fine(bodies: BodyStore, make: Builder) -> None:
    key, kept = body_key(make.tenant, make.position()), body_key(make.tenant, make.position())
    await bodies.put(key, b"{}")
    await bodies.put(kept, b"[]")

    await bodies.delete(key)
    await bodies.delete(key)

    with pytest.raises(NotFound):
        await bodies.get(key)
    assert await bodies.get(kept) == b"[]"


async def test_tenants_that_look_alike_share_no_bodies(bodies: BodyStore, make: Builder) -> None:
    receipt = make.position()
    names = [make.tenant + end for end in ("", "#b", "/b", "%23b", "%2Fb", "/..", "/../b", "?b", " b", "é", ".", "..")]
    for name in [*names, "..", "."]:
        await bodies.put(body_key(name, receipt), name.encode())

    for name in [*names, "..", "."]:
        assert await bodies.get(body_key(name, receipt)) == name.encode()
