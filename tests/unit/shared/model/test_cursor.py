"""Cursors: what was handed out is taken back by the same inbox; anything else is refused and nothing worse."""

import base64
import binascii
import string
import uuid
from collections.abc import Callable

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


def test_a_cursor_that_was_handed_out_stays_valid() -> None:
    text = "AgGQoAAAAHAAgAAAAAAAAAEA3yIF"
    assert cursor.encode(POSITION, "default") == text
    assert read(text) == POSITION


def returned_events(count: int) -> tuple[Returned, ...]:
    return tuple(Returned(1_764_000_000_000 + number, bytes(DIGEST_BYTES)) for number in range(count))


@pytest.mark.parametrize("count", [1, 2, MAX_RETURNED])
def test_a_cursor_has_no_padding(count: int) -> None:
    text = cursor.encode(POSITION, "default", returned_events(count))
    assert "=" not in text
    assert cursor.decode(text, "default") == Cursor(POSITION, returned_events(count))


def text_of(raw: bytes) -> str:
    """Return what `raw` would be as a cursor, with the CRC that belongs to it."""
    checked = raw + binascii.crc_hqx(raw, 0xFFFF).to_bytes(2)
    return base64.urlsafe_b64encode(checked).rstrip(b"=").decode()


def raw_of(text: str) -> bytes:
    """Return the bytes of a cursor, without the CRC."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:-2]


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"\x03" + raw[1:],
        lambda raw: raw[:23] + raw[-2:],  # no event after the base
        lambda raw: raw[:-3] + raw[-2:],  # part of an event
        lambda raw: raw[:-2] + bytes(11 * MAX_RETURNED) + raw[-2:],
    ],
    ids=["another version", "no event", "part of an event", "too many events"],
)
def test_a_cursor_with_a_valid_crc_is_refused_for_what_it_contains(change: Callable[[bytes], bytes]) -> None:
    raw = raw_of(cursor.encode(POSITION, "default", returned_events(2)))
    assert read(text_of(raw)) == POSITION
    with pytest.raises(InvalidRequest) as refused:
        cursor.decode(text_of(change(raw)), "default")
    assert str(refused.value) == "The query is invalid."
    assert [fault.detail for fault in refused.value.faults] == [
        "`after` is not a cursor from this API, or was changed."
    ]


@pytest.mark.parametrize(
    "text", ["\u00e9", "AAAAA", "A A", "AQGQoAAA!!!!AHAAgAAAAAAAAAEA3w", "AgGQoAAA....AHAAgAAAAAAAAAEA3yIF"]
)
def test_text_that_is_not_base64_is_not_a_cursor(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        cursor.decode(text, "default")
    assert [fault.detail for fault in refused.value.faults] == [
        "`after` is not a cursor from this API, or was changed."
    ]
