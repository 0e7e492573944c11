"""Cursors: what was handed out is taken back by the same inbox; anything else is refused and nothing worse."""

import base64
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import cursor
from shared.model.cursor import DIGEST_BYTES, MAX_RETURNED, MAX_SPAN_MS, Cursor, Returned
from shared.model.errors import InvalidRequest
from shared.model.position import is_position
from tests.unit.shared.model.test_position import UUID7S

INBOXES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
POSITION = "0190a000-0000-7000-8000-000000000001"
CHARACTERS = string.ascii_letters + string.digits + "-_+/=. \n\u00e9\x00"


def read(text: str, inbox: str = "default") -> str | None:
    """The position behind which `text` stands, None if it is refused."""
    try:
        return cursor.decode(text, inbox).position
    except InvalidRequest:
        return None


@given(UUID7S, INBOXES)
def test_a_cursor_decodes_to_its_position(position: str, inbox: str) -> None:
    text = cursor.encode(position, inbox)
    assert cursor.decode(text, inbox) == Cursor(position)
    assert len(text) == 28
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")


RETURNED = st.lists(
    st.builds(
        Returned,
        st.integers(0, MAX_SPAN_MS).map(lambda after_ms: 1_764_000_000_000 + after_ms),
        st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES),
    ),
    max_size=MAX_RETURNED,
).map(tuple)


@given(UUID7S, INBOXES, RETURNED)
def test_a_cursor_decodes_to_its_position_and_returned_events(
    position: str, inbox: str, returned: tuple[Returned, ...]
) -> None:
    text = cursor.encode(position, inbox, returned)
    assert cursor.decode(text, inbox) == Cursor(position, returned)
    assert len(text) <= 975


def test_every_change_of_one_character_is_refused() -> None:
    text = cursor.encode(POSITION, "default")
    for index in range(len(text)):
        for character in CHARACTERS.replace(text[index], ""):
            assert read(text[:index] + character + text[index + 1 :]) is None


@given(UUID7S, st.integers(0, 21 * 8 - 1), st.integers(0, 21 * 8 - 1))
def test_every_flip_of_one_bit_or_two_is_refused(position: str, one: int, other: int) -> None:
    raw = int.from_bytes(base64.urlsafe_b64decode(cursor.encode(position, "default")))
    for flipped in (raw ^ 1 << one, raw ^ 1 << one ^ 1 << other):
        text = base64.urlsafe_b64encode(flipped.to_bytes(21)).decode()
        assert read(text) == (position if flipped == raw else None)


def test_a_cursor_of_the_first_version_is_still_accepted() -> None:
    assert read("AQGQoAAAAHAAgAAAAAAAAAEA3w") == POSITION
    assert read("AQGQoAAAAHAAgAAAAAAAAAEA3w", "orders") is None


@given(st.text() | st.text(string.ascii_letters + string.digits + "-_=", max_size=40))
def test_any_text_is_refused_or_gives_a_position(text: str) -> None:
    position = read(text)
    assert position is None or is_position(position)


@given(st.binary(max_size=30) | st.binary(min_size=18, max_size=18).map(lambda raw: b"\x01" + raw))
def test_any_bytes_are_refused_or_give_a_position(raw: bytes) -> None:
    position = read(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
    assert position is None or is_position(position)


def test_a_cursor_of_another_inbox_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest) as refused:
        cursor.decode(cursor.encode(POSITION, "orders"), "default")
    [fault] = refused.value.faults
    assert fault.detail == "`after` is a cursor of another inbox than 'default'."
    assert fault.pointer == "/after"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02" + uuid.UUID(POSITION).bytes + b"\x00\x00",
        b"\x02" + uuid.UUID(POSITION).bytes + b"\x00\x00\x00\x00",
        b"\x02",
        b"\x02" + uuid.UUID(POSITION).bytes + bytes(16),
        b"\x01" + uuid.UUID(POSITION).bytes,
        b"\x01" + bytes(18),
    ],
)
def test_other_text_is_not_a_cursor(raw: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        cursor.decode(base64.urlsafe_b64encode(raw).decode(), "default")
    assert [fault.detail for fault in refused.value.faults] == [
        "`after` is not a cursor from this API, or was changed."
    ]
