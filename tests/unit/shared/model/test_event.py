"""What an event is."""

import msgspec
import pytest

from shared.model.event import INBOX_PATTERN, Event, Identity


def test_an_identity_consists_of_tenant_inbox_source_and_id() -> None:
    event = Event(receipt="r", id="i", source="/s", inbox="orders", type="t", body=msgspec.Raw(b"{}"))
    assert event.identity("acme") == Identity("acme", "orders", "/s", "i")


@pytest.mark.parametrize("name", ["a", "0", "default", "a.b_c-d", "x" * 64])
def test_inbox_names(name: str) -> None:
    assert INBOX_PATTERN.fullmatch(name)


@pytest.mark.parametrize("name", ["", "A", ".a", "-a", "a#b", "a/b", "a%23", "x" * 65, "a\n", "\u00e9"])
def test_invalid_inbox_names(name: str) -> None:
    assert not INBOX_PATTERN.fullmatch(name)
