import itertools
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.json import Batch, RequestDefaults, read_json
from ingest.formats.validation import MAX_FAULTS
from shared.model.errors import InvalidEvent, InvalidRequest

NOW = "2026-11-22T17:00:00.000Z"


class _Cloud(msgspec.Struct):
    data: msgspec.Raw


def read(body: bytes, *, inbox: str = "default", idempotency_key: str | None = None) -> Batch:
    numbers = itertools.count(1)
    defaults = RequestDefaults(mint=lambda: f"r{next(numbers)}", time=NOW, inbox=inbox, idempotency_key=idempotency_key)
    return read_json(body, defaults)


def faults_of(body: bytes) -> list[tuple[str | None, str]]:
    with pytest.raises(InvalidEvent) as caught:
        read(body)
    assert caught.value.faults
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def pointers_of(body: bytes) -> list[str | None]:
    return [pointer for pointer, _ in faults_of(body)]


def data_of(batch: Batch) -> bytes:
    return bytes(msgspec.json.decode(bytes(batch.events[0].body), type=_Cloud).data)


def test_missing_fields_get_their_defaults() -> None:
    batch = read(b'{"type":"a"}')
    (event,) = batch.events
    assert batch.single
    assert (event.receipt, event.id, event.source, event.inbox, event.type) == ("r1", "r1", "/", "default", "a")
    assert json.loads(bytes(event.body)) == {
        "specversion": "1.0",
        "id": "r1",
        "source": "/",
        "type": "a",
        "time": NOW,
    }


def test_given_fields_are_kept() -> None:
    body = {
        "type": "a",
        "id": "i/1",
        "source": "https://shop.example/%20?a#b",
        "subject": "ü",
        "time": "2026-01-31T12:00:00.123456789+01:00",
        "inbox": "orders",
        "data": None,
    }
    (event,) = read(json.dumps(body).encode(), inbox="other").events
    inbox = body.pop("inbox")
    assert event.inbox == inbox
    expected = body | {"specversion": "1.0", "datacontenttype": "application/json"}
    assert json.loads(bytes(event.body)) == expected


def test_an_array_of_one_is_a_batch() -> None:
    batch = read(b'[{"type":"a"}]', inbox="orders")
    assert not batch.single
    assert [event.inbox for event in batch.events] == ["orders"]


@pytest.mark.parametrize(("count", "fine"), [(1000, True), (1001, False), (0, False)])
def test_a_batch_holds_1_to_1000_events(count: int, fine: bool) -> None:  # noqa: FBT001
    body = b"[" + b",".join([b'{"type":"a"}'] * count) + b"]"
    if fine:
        assert len(read(body).events) == count
    else:
        assert pointers_of(body) == [""]


def test_an_idempotency_key_replaces_missing_ids() -> None:
    assert [event.id for event in read(b'{"type":"a"}', idempotency_key="k").events] == ["k"]
    batch = read(b'[{"type":"a"},{"type":"a","id":"own"},{"type":"a"}]', idempotency_key="k")
    assert [event.id for event in batch.events] == ["k:0", "own", "k:2"]


def test_an_idempotency_key_too_long_with_its_index_is_refused() -> None:
    assert read(b'{"type":"a"}', idempotency_key="k" * 255).events[0].id == "k" * 255
    with pytest.raises(InvalidRequest):
        read(b'[{"type":"a"}]', idempotency_key="k" * 254)


@pytest.mark.parametrize(
    "data",
    [
        b'{ "a" :\t1,\n"a": 2}',
        '"\uffff\ufffe\U0001ffff"'.encode(),
        b'"\\u0000\\uffff"',
        b'"\\ud83d\\ude00"',
        b"1e308",
        b"9" * 308,
        b"-0.0",
        b"[" * 500 + b"]" * 500,
        b'{"\\/":"\\/"}',
        b"null",
        '"\u2028\x7f"'.encode(),
    ],
)
def test_unusual_data_is_kept_byte_for_byte(data: bytes) -> None:
    assert data_of(read(b'{"type":"a","data":' + data + b"}")) == data
    assert data_of(read(b'[{"data":' + data + b',"type":"a"}]')) == data


texts = st.text(st.characters(exclude_categories=["Cs"]))  # half of a surrogate pair is refused
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)


spellings = st.builds(json.JSONEncoder, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1, "\t"]))


@given(json_values, spellings)
def test_any_data_is_kept_byte_for_byte(value: object, spelling: json.JSONEncoder) -> None:
    data = spelling.encode(value).encode()
    assert data_of(read(b'{"type":"a","data":' + data + b"}")) == data


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is empty."),
        (b" \n", "The body is empty."),
        (b"{", "(byte 1)"),
        (b'{"type":"a","data":NaN}', "(byte 19)"),
        (b'{"type":"a","data":-Infinity}', "(byte 20)"),
        (b'{"type":"a"} x', "trailing characters (byte"),
        (b'{"type":"a"}\x00', "trailing characters (byte"),
        (b"\xef\xbb\xbf" * 2 + b'{"type":"a"}', "(byte 0)"),
        (b'{"type":"a","data":"\xff"}', "not valid UTF-8 (byte 20)"),
        (b'{"type":"a","data":"\\ud800"}', "half of a surrogate pair"),
        (b'{"type":"a","data":"\\udc00 and more"}', "surrogate"),
        (b'{"type":"a","data":"\n"}', "(byte 20)"),
        (b'{"type":"a","data":[1,]}', "(byte 22)"),
        (b'{"type":"a","data":01}', "(byte"),
        (b'{"type":1,"data":NaN}', "(byte 17)"),
        (b'{"type":"a","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nests deeper than 500 levels"),
    ],
)
def test_invalid_json_is_refused_with_its_byte_offset(body: bytes, detail: str) -> None:
    ((pointer, found),) = faults_of(body)
    assert pointer is None
    assert detail in found


@pytest.mark.parametrize("levels", [501, 800, 5000])
def test_data_too_deep_is_refused(levels: int) -> None:
    ((_, detail),) = faults_of(b'[{"type":"a"},{"type":"a","data":' + b"[" * levels + b"]" * levels + b"}]")
    assert "nests deeper than 500 levels" in detail


def test_data_too_deep_is_found_in_its_event() -> None:
    deep = b'{"type":"a","data":' + b"[" * 501 + b"]" * 501 + b"}"
    assert pointers_of(deep) == ["/data"]
    assert pointers_of(b'[{"type":"a"},' + deep + b"]") == ["/1/data"]


@pytest.mark.parametrize("body", [b"3", b'"a"', b"null", b"true"])
def test_an_event_must_be_an_object(body: bytes) -> None:
    assert pointers_of(body) == [""]
    assert pointers_of(b"[" + body + b"]") == ["/0"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (name, value)
            for name in ("type", "id", "subject")
            for value in ("", "x" * 256, 7, None, "a\u0000", "\ufdd0")
        ],
        ("id", "\U0010ffff"),
        ("type", "a\x7f"),
        ("source", ""),
        ("source", "a b"),
        ("source", "ü"),
        ("source", "%zz"),
        ("source", "a#b#c"),
        ("source", "/\n"),
        ("source", "x" * 256),
        ("time", "2026-01-31"),
        ("time", "2026-01-31T12:00:00"),
        ("time", "2026-02-30T12:00:00Z"),
        ("time", "2026-01-31T25:00:00Z"),
        ("time", 1769860800),
        ("inbox", ""),
        ("inbox", "A"),
        ("inbox", "-a"),
        ("inbox", "a\n"),
        ("inbox", "a" * 65),
    ],
)
def test_a_field_that_breaks_its_rule_is_refused(field: str, value: object) -> None:
    body = json.dumps({"type": "a"} | {field: value}).encode()
    ((pointer, detail),) = faults_of(body)
    assert pointer == f"/{field}"
    assert detail.startswith(f"`{field}` must be ")


@pytest.mark.parametrize("time", ["2026-01-31t12:00:00z", "2024-02-29T23:59:59.5-12:00"])
def test_an_rfc_3339_time_is_kept_unchanged(time: str) -> None:
    (event,) = read(json.dumps({"type": "a", "time": time}).encode()).events
    assert json.loads(bytes(event.body))["time"] == time


def test_every_fault_of_a_batch_is_listed() -> None:
    body = b'[{"typ":1},{"type":"","subject":"\\u0000","id":3},7,{"type":"a"},{"type":"a","source":"a b","inbox":"A"}]'
    assert pointers_of(body) == [
        "/0/type",
        "/0/typ",
        "/1/type",
        "/1/subject",
        "/1/id",
        "/2",
        "/4/source",
        "/4/inbox",
    ]


def test_an_unknown_field_is_named_with_an_escaped_pointer() -> None:
    assert faults_of(b'{"type":"a","x/y~":1}') == [("/x~1y~0", "Unknown field `x/y~`.")]
    ((pointer, _),) = faults_of(b'{"type":"a","' + b"x" * 1000 + b'":1}')
    assert pointer is not None
    assert len(pointer) < 70


def test_the_list_of_faults_is_bounded() -> None:
    fields = ",".join(f'"x{number}":1' for number in range(5000))
    assert len(pointers_of(f"{{{fields}}}".encode())) == MAX_FAULTS
