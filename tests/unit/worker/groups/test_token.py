"""Lease tokens."""

import base64

import msgspec
import pytest

from shared.model.errors import LeaseLost
from shared.model.groups import GroupName
from worker.groups.token import LeaseName, decode, encode

NAME = LeaseName(GroupName("t", "orders", "billing"), "a-_key")


def test_a_token_names_the_lease_of_the_tenant_that_uses_it() -> None:
    token = encode(NAME)
    assert decode(token, "t") == NAME
    assert decode(token, "u").group.tenant == "u"
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "token", ["", "x", "é", "a/b", encode(NAME)[:-3], base64.urlsafe_b64encode(msgspec.msgpack.encode([1])).decode()]
)
def test_anything_else_is_a_lost_lease(token: str) -> None:
    with pytest.raises(LeaseLost):
        decode(token, "t")
