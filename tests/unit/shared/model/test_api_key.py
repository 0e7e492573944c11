import msgspec
import pytest

from shared.model import api_key
from shared.model.api_key import ApiKey
from shared.model.errors import InvalidRequest
from tests.fakes.clock import START_MS


def make(**changes: object) -> tuple[ApiKey, str]:
    arguments: dict[str, object] = {"tenant": "t", "name": "n", "scopes": [api_key.EVENTS_WRITE], "now_ms": START_MS}
    return api_key.create(**(arguments | changes))  # type: ignore[arg-type]


def test_a_new_key_parses_into_its_id_and_a_secret_that_bcrypt_accepts() -> None:
    key, token = make()
    parsed = api_key.parse(token)
    assert parsed is not None
    assert parsed[0] == key.key_id
    assert len(parsed[1]) <= 72


def test_the_record_holds_neither_the_secret_nor_the_token() -> None:
    key, token = make()
    assert token.rpartition("_")[2] not in repr(key)
    assert key.secret_hash.startswith("$2b$04$")


@pytest.mark.parametrize("tenant", ["a#b", "a/b", "a%23b", "ü", "名" * 64])
def test_a_tenant_may_hold_any_characters_that_print(tenant: str) -> None:
    assert make(tenant=tenant)[0].tenant == tenant


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"tenant": ""}, "/tenant"),
        ({"tenant": "x" * 65}, "/tenant"),
        ({"tenant": "a\nb"}, "/tenant"),
        ({"name": ""}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["events:write", "all"]}, "/scopes/1"),
        ({"types": ["order.*", "*.created"]}, "/types/1"),
        ({"types": [f"type-{number}" for number in range(51)]}, "/types"),
        ({"rate": 0}, "/rate"),
        ({"burst": 0}, "/burst"),
        ({"expires_at": START_MS}, "/expires_at"),
    ],
)
def test_an_invalid_key_is_not_created(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**changes)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_a_key_may_have_fifty_types() -> None:
    assert len(make(types=[f"type-{number}" for number in range(50)])[0].types) == 50


@pytest.mark.parametrize(("expires_at", "renewed"), [(None, None), (START_MS + 90, START_MS + 70 + 90)])
def test_a_rotated_key_is_a_new_one_with_the_same_grants_and_lifetime(
    expires_at: int | None, renewed: int | None
) -> None:
    old, old_token = make(types=["order.*"], rate=5, burst=7, expires_at=expires_at)
    new, token = api_key.rotate(old, now_ms=START_MS + 70)
    assert token != old_token
    assert api_key.parse(token) is not None
    own = {"key_id": new.key_id, "secret_hash": new.secret_hash, "created_at": START_MS + 70, "expires_at": renewed}
    assert new == msgspec.structs.replace(old, **own)
    assert new.key_id != old.key_id


@pytest.mark.parametrize("end", [{"revoked_at": START_MS}, {"expires_at": START_MS + 1}])
def test_a_key_that_no_longer_works_is_not_rotated(end: dict[str, int]) -> None:
    old = msgspec.structs.replace(make()[0], **end)
    with pytest.raises(InvalidRequest):
        api_key.rotate(old, now_ms=START_MS + 1)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "trg_",
        "trg_abcd_",
        "trg__" + "s" * 32,
        "TRG_abcd_" + "s" * 32,
        "trg_ABCD_" + "s" * 32,
        "trg_abcd_" + "s" * 73,
        "trg_abcd_" + "s" * 31 + "\n",
        "trg_abcd_" + "s" * 31 + "é",
        "trg_abcd_" + "s" * 32 + " ",
    ],
)
def test_text_without_the_format_of_a_key_does_not_parse(token: str) -> None:
    assert api_key.parse(token) is None


@pytest.mark.parametrize(
    ("types", "event_type", "allowed"),
    [
        ((), "anything", True),
        (("*",), "anything", True),
        (("order.*",), "order.created", True),
        (("order.*",), "orders.created", False),
        (("order.*",), "order", False),
        (("order", "invoice.paid"), "invoice.paid", True),
        (("order",), "order.created", False),
    ],
)
def test_types_limit_what_a_key_may_send(types: tuple[str, ...], event_type: str, allowed: bool) -> None:  # noqa: FBT001
    assert make(types=types)[0].may(event_type) is allowed


def test_the_operate_scope_must_be_requested() -> None:
    assert api_key.OPERATE in api_key.SCOPES
    assert api_key.OPERATE not in api_key.DEFAULT_SCOPES
    assert make(scopes=[api_key.OPERATE])[0].scopes == (api_key.OPERATE,)
