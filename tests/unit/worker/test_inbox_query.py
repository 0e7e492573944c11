"""The query string: what is taken, and that every fault is named."""

import pytest

from shared import cursor, position
from shared.errors import InvalidRequest
from worker import inbox_query
from worker.inbox_query import InboxQuery


def test_nothing_given_is_the_beginning_of_the_default_inbox() -> None:
    assert inbox_query.parse(b"") == InboxQuery(inbox="default", after=None, limit=100)


def test_everything_given() -> None:
    after = cursor.encode(position.FIRST, "a.b-c_d")
    query = inbox_query.parse(f"limit=1000&inbox=a.b-c_d&after={after}".encode())
    assert query == InboxQuery(inbox="a.b-c_d", after=position.FIRST, limit=1000)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "+5", "5.0", "1_0", "", "%20", "1e2", "٣", "9" * 5000])
def test_a_limit_is_a_whole_number_in_range(limit: str) -> None:
    assert pointers(f"limit={limit}".encode()) == ["/limit"]


@pytest.mark.parametrize("inbox", ["", "A", "-a", "a/b", "a%23b", "%FF", "a" * 65, "a%0A"])
def test_an_inbox_has_its_pattern(inbox: str) -> None:
    assert pointers(f"inbox={inbox}".encode()) == ["/inbox"]


@pytest.mark.parametrize("after", ["", "x", "AAAA", "%FF", cursor.encode(position.FIRST, "other")])
def test_a_cursor_is_one_of_this_inbox(after: str) -> None:
    assert pointers(f"after={after}".encode()) == ["/after"]


def test_every_fault_is_named() -> None:
    assert pointers(b"wait=5&limit=x&inbox=B&after=!&limit=3&a/b~c=1") == [
        "/wait",
        "/limit",
        "/a~1b~0c",
        "/inbox",
        "/limit",
        "/after",
    ]


def test_a_long_unknown_name_is_not_echoed_whole() -> None:
    assert pointers(b"x" * 5000 + b"=1") == ["/" + "x" * 64]


def test_bytes_that_are_no_text_are_faults() -> None:
    assert pointers(b"\xff\xfe=1&inbox=\xff") == ["/ÿþ", "/inbox"]


def pointers(query_string: bytes) -> list[str | None]:
    with pytest.raises(InvalidRequest) as refused:
        inbox_query.parse(query_string)
    assert all(fault.detail for fault in refused.value.faults)
    return [fault.pointer for fault in refused.value.faults]
