"""What an event is."""

import json

import msgspec
import pytest

from shared.model.event import INBOX_PATTERN, Event, Identity
from shared.model.records import body_key


def test_an_identity_consists_of_tenant_inbox_source_and_id() -> None:
    event = Event(receipt="r", id="i", source="/s", inbox="orders", type="t", body=msgspec.Raw(b"{}"))
    assert event.identity("acme") == Identity("acme", "orders", "/s", "i")


@pytest.mark.parametrize("name", ["a", "0", "default", "a.b_c-d", "x" * 64])
def test_inbox_names(name: str) -> None:
    assert INBOX_PATTERN.fullmatch(name)


@pytest.mark.parametrize("name", ["", "A", ".a", "-a", "a#b", "a/b", "a%23", "x" * 65, "a\n", "\u00e9"])
def test_invalid_inbox_names(name: str) -> None:
    assert not INBOX_PATTERN.fullmatch(name)


def test_an_event_without_data_names_the_event() -> None:
    event = Event(receipt="r", id="i", source="/s", inbox="orders", type="t", body=msgspec.Raw(b'{"data":1}'))
    assert json.loads(event.without_data()) == {"specversion": "1.0", "id": "i", "source": "/s", "type": "t"}


@pytest.mark.parametrize(
    ("tenant", "key"),
    [("acme", "bodies/acme/r"), ("a/b", "bodies/a%2Fb/r"), ("..", "bodies/%2E%2E/r"), ("a b~", "bodies/a%20b~/r")],
)
def test_the_body_of_an_event_lies_under_its_tenant_and_receipt(tenant: str, key: str) -> None:
    assert body_key(tenant, "r") == key
