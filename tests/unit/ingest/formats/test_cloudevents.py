"""Structured and batched mode."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.attributes import OURS
from ingest.formats.cloudevents import read_batch, read_structured
from ingest.formats.validation import MAX_FAULTS
from ingest.trace_context import Trace
from shared.model.event import Event
from tests.unit.ingest.formats.reading import body_of, defaults, faults_of

LEAST: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def encoded(**fields: object) -> bytes:
    return msgspec.json.encode(LEAST | fields)


def one(body: bytes) -> Event:
    batch = read_structured(body, defaults())
    assert batch.single
    (event,) = batch.events
    return event


def structured_faults(body: bytes) -> dict[str | None, str]:
    return faults_of(lambda: read_structured(body, defaults()))


def test_an_event_is_kept_unchanged_and_gets_only_a_receipt() -> None:
    fields = LEAST | {
        "subject": "ü",
        "time": "2026-01-31T12:00:00.123456789+01:00",
        "datacontenttype": "text/xml; charset=utf-8",
        "dataschema": "https://example.com/schema#1",
        "comexampleextension1": "",
        "n": -(2**31),
        "b": False,
        "data": "<a/>",
    }
    event = one(msgspec.json.encode(fields))
    assert (event.receipt, event.id, event.source, event.type, event.inbox) == ("r1", "1", "/s", "t", "default")
    assert body_of(event) == fields


def test_values_are_kept_byte_for_byte() -> None:
    posted = (
        b'{"\\u0073pecversion":"1.\\u0030" , "id":"a\\/b","source":"\\/s","type":"t","n": -0,'
        b'"ext":"\\ud83d\\ude80","data": {"a" : 1e99, "a":[ ]}}\n'
    )
    event = one(posted)
    assert bytes(event.body) == (
        b'{"specversion":"1.\\u0030","id":"a\\/b","source":"\\/s","type":"t","n":-0,'
        b'"ext":"\\ud83d\\ude80","data":{"a" : 1e99, "a":[ ]}}'
    )
    assert (event.id, event.source) == ("a/b", "/s")


def test_null_means_not_given_except_as_data() -> None:
    event = one(encoded(subject=None, time=None, ext=None, inbox=None, data_base64=None, data=None))
    assert body_of(event) == LEAST | {"data": None}
    assert event.inbox == "default"


def test_the_inbox_is_that_of_the_extension_or_of_the_request() -> None:
    event = one(encoded(inbox="orders"))
    assert event.inbox == "orders"
    assert "inbox" not in body_of(event)
    (other,) = read_structured(encoded(), defaults(inbox="other")).events
    assert other.inbox == "other"


def test_an_event_read_from_an_inbox_can_be_forwarded() -> None:
    ours = dict.fromkeys(("receivedat", "deliveredat"), "2026-11-22T17:00:00.000Z")
    ours["position"] = "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
    assert body_of(one(encoded(inbox="orders", **ours))) == LEAST


@pytest.mark.parametrize("text", ["", "AA==", "AAA=", "AAAA", "+/+/"])
def test_base64_is_kept(text: str) -> None:
    assert body_of(one(encoded(data_base64=text))) == LEAST | {"data_base64": text}


def test_a_trace_is_added_unless_the_event_has_one() -> None:
    trace = Trace(parent="00-1-2-01", state="a=b")
    (event,) = read_structured(encoded(), defaults(trace=trace)).events
    assert body_of(event) == LEAST | {"traceparent": "00-1-2-01", "tracestate": "a=b"}
    (own,) = read_structured(encoded(traceparent="own"), defaults(trace=trace)).events
    assert body_of(own) == LEAST | {"traceparent": "own"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(name, value) for name in ("id", "type", "subject") for value in ("", "x" * 256, 1, "a\u0000", "\uffff")],
        ("specversion", "0.3"),
        ("specversion", 1),
        ("source", "a b"),
        ("source", ""),
        ("time", "yesterday"),
        ("time", "2026-02-30T12:00:00Z"),
        ("datacontenttype", "json"),
        ("datacontenttype", "a/b\n"),
        ("datacontenttype", ""),
        ("dataschema", "relative"),
        ("dataschema", ""),
        ("inbox", "A"),
        ("inbox", 7),
        ("receivedat", "when it came"),
        ("deliveredat", "never"),
        ("position", 7),
        ("position", "first"),
        ("data_base64", "A"),
        ("data_base64", "AAA"),
        ("data_base64", "A A="),
        ("data_base64", "_-=="),
        ("data_base64", {}),
        ("ext", 1.5),
        ("ext", 2**31),
        ("ext", -(2**31) - 1),
        ("ext", []),
        ("ext", {}),
        ("ext", "a\u0007"),
    ],
)
def test_an_invalid_value_is_reported_with_its_rule(field: str, value: object) -> None:
    faults = structured_faults(encoded(**{field: value}))
    assert faults.keys() == {f"/{field}"}
    assert f"`{field}`" in faults[f"/{field}"]


@pytest.mark.parametrize("name", ["", "Ext", "data_base6", "a-b", "ext.", "ü", "a/b~c"])
def test_an_invalid_extension_name_is_reported(name: str) -> None:
    ((pointer, detail),) = structured_faults(encoded(**{name: 1})).items()
    assert pointer == "/" + name.replace("~", "~0").replace("/", "~1")
    assert "is not a valid extension name" in detail


def test_an_extension_name_has_at_most_255_characters() -> None:
    read_structured(encoded(**{"x" * 255: 1}), defaults())
    (detail,) = structured_faults(encoded(**{"x" * 256: 1})).values()
    assert "use 1 to 255 characters" in detail


@pytest.mark.parametrize("field", list(LEAST))
@pytest.mark.parametrize("how", ["left out", "null"])
def test_a_missing_required_attribute_is_reported(field: str, how: str) -> None:
    fields = LEAST | {field: None}
    if how == "left out":
        del fields[field]
    assert structured_faults(msgspec.json.encode(fields)) == {f"/{field}": f"`{field}` is missing."}


def test_data_in_both_forms_is_refused() -> None:
    assert structured_faults(encoded(data=1, data_base64="")).keys() == {"/data_base64"}


@pytest.mark.parametrize("value", [b'"1"', b'"2"', b'"\\""'])
def test_a_name_given_twice_is_refused(value: bytes) -> None:
    assert structured_faults(encoded()[:-1] + b',"id":' + value + b"}") == {"/id": "`id` is given more than once."}


def test_data_too_deep_is_refused_where_it_is() -> None:
    deep = encoded()[:-1] + b',"data":' + b"[" * 501 + b"]" * 501 + b"}"
    assert structured_faults(deep).keys() == {"/data"}
    assert faults_of(lambda: read_batch(b"[" + encoded() + b"," + deep + b"]", defaults())).keys() == {"/1/data"}


def test_every_fault_of_every_event_is_listed() -> None:
    body = b'[{"specversion":"1.0"},3,' + encoded(Ext=1, time=1) + b"," + encoded() + b"]"
    assert faults_of(lambda: read_batch(body, defaults())).keys() == {
        "/0/id",
        "/0/source",
        "/0/type",
        "/1",
        "/2/Ext",
        "/2/time",
    }


@pytest.mark.parametrize("body", [b"3", b"null", b"[]", b'[{"specversion":"1.0"}]'])
def test_an_event_must_be_an_object(body: bytes) -> None:
    assert structured_faults(body) == {"": "An event must be a JSON object."}


@pytest.mark.parametrize("body", [b"3", b"null", encoded()])
def test_a_batch_must_be_an_array(body: bytes) -> None:
    assert faults_of(lambda: read_batch(body, defaults())) == {"": "A batch must be a JSON array."}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "empty"),
        (b"{", "ends unexpectedly"),
        (b'{"id":NaN}', "(byte 6)"),
        (b'{"id":"\xff"}', "UTF-8 (byte 7)"),
        (b'{"id":"\\ud800"}', "surrogate"),
        (b'{"id":' + b"[" * 5000 + b"]" * 5000 + b"}", "deeper than 500 levels"),
        (b"{} {}", "trailing"),
    ],
)
def test_invalid_json_is_refused_with_its_byte_offset(body: bytes, detail: str) -> None:
    for text, read in ((body, read_structured), (b"[" + body if body else body, read_batch)):
        ((pointer, found),) = faults_of(lambda text=text, read=read: read(text, defaults())).items()  # type: ignore[misc]
        assert pointer is None
        assert read is read_batch or detail in found


@pytest.mark.parametrize(("count", "fine"), [(0, True), (1, True), (1000, True), (1001, False)])
def test_a_batch_holds_up_to_1000_events(count: int, fine: bool) -> None:  # noqa: FBT001
    body = b"[" + b",".join([encoded()] * count) + b"]"
    if fine:
        batch = read_batch(body, defaults())
        assert not batch.single
        assert len(batch.events) == count
    else:
        assert faults_of(lambda: read_batch(body, defaults())).keys() == {""}


def test_the_list_of_faults_is_bounded() -> None:
    faults = structured_faults(encoded(**{f"X{number}": 1 for number in range(2 * MAX_FAULTS)}))
    assert len(faults) == MAX_FAULTS


texts = st.text(st.characters(exclude_categories=["Cs"]))
known = {*LEAST, *OURS, "subject", "time", "datacontenttype", "dataschema", "data"}
names = st.from_regex(r"\A[a-z0-9]{1,255}\Z").filter(lambda name: name not in known)
plain = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]))
extensions = st.dictionaries(names, st.booleans() | st.integers(-(2**31), 2**31 - 1) | plain)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)
spellings = st.builds(json.JSONEncoder, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1, "\t"]))


@given(extensions, json_values, spellings)
def test_any_event_is_kept_unchanged(more: dict[str, object], data: object, spelling: json.JSONEncoder) -> None:
    fields = LEAST | more | {"data": data}
    for event in (
        one(spelling.encode(fields).encode()),
        *read_batch(spelling.encode([fields]).encode(), defaults()).events,
    ):
        kept = json.loads(bytes(event.body))
        assert kept == fields
        assert spelling.encode(kept["data"]) == spelling.encode(data)
