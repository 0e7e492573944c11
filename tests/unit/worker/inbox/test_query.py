"""The query string: accepted values, and that all faults are reported."""

import pytest

from shared.model import cursor, position
from shared.model.cursor import Cursor
from shared.model.errors import InvalidRequest
from worker.inbox import query as inbox_query
from worker.inbox.query import EventQuery, InboxQuery

T0 = position.floor_of(1_800_000_000_000)


def test_an_empty_query_reads_the_default_inbox_from_the_beginning() -> None:
    assert inbox_query.parse_inbox(b"") == InboxQuery(inbox="default", after=Cursor(position.FIRST), limit=100)


def test_all_parameters() -> None:
    after = cursor.encode(position.FIRST, "a.b-c_d")
    query = inbox_query.parse_inbox(
        f"limit=1000&inbox=a.b-c_d&after={after}&type=a&type=b.*&type=*&status=undelivered&wait=20&count=true"
        "&format=json&early=true".encode()
    )
    assert query == InboxQuery(
        inbox="a.b-c_d", limit=1000, types=("a", "b.*", "*"), wait_seconds=20, count=True, early=True
    )
    assert inbox_query.parse_inbox(b"status=delivered&format=zapier") == InboxQuery(delivered=True, zapier=True)


@pytest.mark.parametrize(
    "since",
    [
        "2027-01-15T08:00:00Z",
        "2027-01-15t08:00:00.000z",
        "2027-01-15 08:00:00Z",
        "2027-01-15T09:30:00%2B01:30",
        "2027-01-15T09:30:00+01:30",  # an unescaped plus is a space
        "2027-01-15T07:00:00-01:00",
    ],
)
def test_reading_starts_at_a_time(since: str) -> None:
    assert inbox_query.parse_inbox(f"since={since}".encode()).after == Cursor(T0)


def test_the_later_of_a_time_and_a_cursor_counts() -> None:
    for other, expected in ((position.FIRST, T0), (position.floor_of(1_900_000_000_000), None)):
        after = cursor.encode(other, "default")
        query = inbox_query.parse_inbox(f"since=2027-01-15T08:00:00Z&after={after}".encode())
        assert query.after.position == (expected or other)


def test_times_before_1970_count_as_1970() -> None:
    assert inbox_query.parse_inbox(b"since=0001-01-01T00:00:00%2B10:00").after == Cursor(position.FIRST)


@pytest.mark.parametrize(
    "since",
    [
        "",
        "now",
        "2027-01-15",
        "2027-01-15T08:00:00",
        "1800000000",
        "2027-13-15T08:00:00Z",
        "%FF",
        "10000-01-01T00:00:00Z",
    ],
)
def test_a_time_must_be_rfc_3339(since: str) -> None:
    assert pointers(f"since={since}".encode()) == ["/since"]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "+5", "5.0", "1_0", "", "%20", "1e2", "٣", "9" * 5000])
def test_a_limit_is_a_whole_number_in_range(limit: str) -> None:
    assert pointers(f"limit={limit}".encode()) == ["/limit"]


@pytest.mark.parametrize("wait", ["21", "-1", "0.5", "", "true"])
def test_a_wait_is_a_whole_number_in_range(wait: str) -> None:
    assert pointers(f"wait={wait}".encode()) == ["/wait"]


@pytest.mark.parametrize("inbox", ["", "A", "-a", "a/b", "a%23b", "%FF", "a" * 65, "a%0A"])
def test_an_inbox_must_match_its_pattern(inbox: str) -> None:
    assert pointers(f"inbox={inbox}".encode()) == ["/inbox"]


@pytest.mark.parametrize("after", ["", "x", "AAAA", "%FF", cursor.encode(position.FIRST, "other")])
def test_a_cursor_must_belong_to_the_inbox(after: str) -> None:
    assert pointers(f"after={after}".encode()) == ["/after"]


@pytest.mark.parametrize("kind", ["", "a*", ".*x", "*.a", "a.*.b", "x" * 256, "é" * 256])
def test_a_type_is_a_name_or_a_prefix(kind: str) -> None:
    assert pointers(f"type=ok&type={kind}".encode()) == ["/type"]


def test_the_number_of_types_is_limited() -> None:
    assert len(inbox_query.parse_inbox(b"&".join([b"type=%d" % n for n in range(20)])).types) == 20
    assert pointers(b"type=a&" * 21) == ["/type"]


@pytest.mark.parametrize(
    "query", ["status=", "status=Delivered", "count=", "count=1", "count=True", "format=", "format=xml"]
)
def test_a_choice_must_be_valid(query: str) -> None:
    assert pointers(query.encode()) == ["/" + query.partition("=")[0]]


def test_delivered_events_are_not_waited_for() -> None:
    assert inbox_query.parse_inbox(b"status=delivered&wait=9") == InboxQuery(delivered=True)
    assert pointers(b"status=delivered&wait=99") == ["/wait"]


def test_all_faults_are_reported() -> None:
    assert pointers(b"whence=5&limit=x&inbox=B&after=!&limit=3&a/b~c=1&since=1&type=*a&wait=x&count=x&format=x") == [
        "/whence",
        "/limit",
        "/a~1b~0c",
        "/inbox",
        "/wait",
        "/after",
        "/since",
        "/limit",
        "/type",
        "/count",
        "/format",
    ]


def test_a_long_unknown_name_is_truncated() -> None:
    assert pointers(b"x" * 5000 + b"=1") == [f"/{'x' * 64}…"]


def test_invalid_utf_8_is_a_fault() -> None:
    assert pointers(b"\xff\xfe=1&inbox=\xff") == ["/ÿþ", "/inbox"]


def test_the_query_of_an_event() -> None:
    assert inbox_query.parse_event(b"") == EventQuery(source="/", inbox="default")
    assert inbox_query.parse_event(b"source=/a%23b&inbox=i") == EventQuery(source="/a#b", inbox="i")
    with pytest.raises(InvalidRequest) as refused:
        inbox_query.parse_event(b"source=a&source=b&limit=1&inbox=I")
    assert [fault.pointer for fault in refused.value.faults] == ["/source", "/limit", "/inbox"]


def pointers(query_string: bytes) -> list[str | None]:
    with pytest.raises(InvalidRequest) as refused:
        inbox_query.parse_inbox(query_string)
    assert all(fault.detail for fault in refused.value.faults)
    return [fault.pointer for fault in refused.value.faults]
