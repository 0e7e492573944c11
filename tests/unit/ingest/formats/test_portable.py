"""Data that is JSON and stops common parsers is kept as base64, byte for byte; all other data as it is."""

import base64
import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.binary import read_binary
from ingest.formats.json import Batch
from ingest.formats.portable import MAX_DIGITS, has_large_numbers, may_have_large_numbers
from ingest.formats.registry import READERS
from shared.model.errors import InvalidEvent
from shared.model.event import Event
from tests.unit.ingest.formats.reading import body_of, defaults, faults_of

HALVES = [
    rb'"\ud800"',
    rb'"\uDBFF and a little more"',
    rb'"\udc00"',
    rb'"\udc00\ud800"',
    rb'"\ud800\ud800\udc00"',
    rb'"\ud83d\ude00 \\ud83d \ud83d"',
    rb'{"\ud800" : 1}',
    rb'["\\\ud800", "\\\\ud800"]',
    '["\uffff\ue800",  "\\ud800" ]'.encode(),
]
LARGE = [
    b"7" * 1001,
    b"0." + b"1" * 1000,
    b"0." + b"1" * 998 + b"e-99",
    b"[1, -" + b"7" * 5000 + b"]",
    b"1e309",
    b"[ -1E+999 ]",
    b"0.1e310",
    b"9" * 309,
    b"9" * 305 + b"e99",
    b'{"a":"1e5","b":1.8e308}',
]
SAFE = [
    b"7" * 308,
    b"0." + b"1" * 999,
    b"-0." + b"1" * 997 + b"E-10",
    b"1e308",
    b"1e-999",
    b"0e999",
    b"1e00000001",
    b'"1e999"',
    b'"' + b"7" * 2000 + b'"',
    rb'"\ud83d\ude00"',
    rb'"\\ud800 \\\\uD800"',
    b'"3e456789-0e99-4e99-9e99-1e9991e99999"',
    b'["",{"1e999":"\\"1e999"}]',
]


def own(data: bytes) -> bytes:
    return b'{"type":"a","data":%b}' % data


def cloud(data: bytes) -> bytes:
    return b'{"specversion":"1.0","id":"1","source":"/s","type":"a","data":%b}' % data


FORMATS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("application/json", own),
    ("application/json", lambda data: b'[{"type":"b","data":1}, %b ]' % own(data)),
    ("application/x-ndjson", lambda data: b'{"type":"b"}\n%b\n' % own(data)),
    ("application/cloudevents+json", cloud),
    ("application/cloudevents-batch+json", lambda data: b"[%b , %b]" % (cloud(b"1"), cloud(data))),
]


def last(batch: Batch) -> Event:
    return batch.events[-1]


def binary(data: bytes, content_type: bytes | None = b"application/json") -> Event:
    headers = [(b"ce-specversion", b"1.0"), (b"ce-id", b"1"), (b"ce-source", b"/"), (b"ce-type", b"a")]
    headers += [(b"content-type", content_type)] if content_type else []
    return last(read_binary(headers, data, defaults()))


def check_encoded(event: Event, data: bytes) -> None:
    body = body_of(event)
    assert base64.b64decode(body["data_base64"]) == data
    assert body["datacontenttype"] == "application/json"
    assert "data" not in body


@pytest.mark.parametrize(("media_type", "around"), FORMATS)
@pytest.mark.parametrize("data", HALVES + LARGE)
def test_unsafe_data_is_kept_as_base64(media_type: str, around: Callable[[bytes], bytes], data: bytes) -> None:
    batch = READERS[media_type](around(data), defaults())
    check_encoded(last(batch), data)
    assert all("data_base64" not in body_of(event) for event in batch.events[:-1])


@pytest.mark.parametrize(("media_type", "around"), FORMATS)
@pytest.mark.parametrize("data", SAFE)
def test_other_data_is_kept_as_it_is(media_type: str, around: Callable[[bytes], bytes], data: bytes) -> None:
    event = last(READERS[media_type](around(data), defaults()))
    assert bytes(event.body).endswith(b'"data":' + data + b"}")


@pytest.mark.parametrize("data", HALVES + LARGE)
def test_unsafe_bodies_in_binary_mode_are_kept_as_base64(data: bytes) -> None:
    check_encoded(binary(data), data)


def test_a_body_of_unknown_type_with_half_a_pair_is_kept_as_base64() -> None:
    assert base64.b64decode(body_of(binary(HALVES[0], None))["data_base64"]) == HALVES[0]


@pytest.mark.parametrize("body", [b'"\\ud800', b'"\\ud800"x', b'"\\ud800\xff"', b"\\ud800"])
def test_a_body_in_binary_mode_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEvent, match="parsed as JSON"):
        binary(body)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        (b'"type":"\\ud800"', "/type"),
        (b'"type":"a","id":"x\\udfff"', "/id"),
        (b'"type":"a","source":"\\udfff"', "/source"),
        (b'"type":"a","subject":"\\udfff\\ud800"', "/subject"),
        (b'"type":"a","data":"\\ud800","inbox":"\\ud800"', "/inbox"),
        (b'"type":"a","time":"\\ud800"', "/time"),
        (b'"typ":"a","data":"\\ud800"', "/type"),
    ],
)
def test_halves_are_refused_outside_of_data(fields: bytes, pointer: str) -> None:
    read = READERS["application/json"]
    assert pointer in faults_of(lambda: read(b"{%b}" % fields, defaults()))
    batch_pointers = faults_of(lambda: read(b'[{"type":"a","data":"\\ud800"},{%b}]' % fields, defaults()))
    assert f"/1{pointer}" in batch_pointers


@pytest.mark.parametrize("name", [b"subject", b"ext", b"datacontenttype", b"\\ud800"])
def test_halves_are_refused_in_cloudevents_attributes(name: bytes) -> None:
    body = cloud(b"1")[:-1] + b',"%b":"\\ud800"}' % name
    assert faults_of(lambda: READERS["application/cloudevents+json"](body, defaults()))


def test_json_that_is_malformed_elsewhere_is_refused() -> None:
    (fault,) = faults_of(lambda: READERS["application/json"](own(b'"\\ud800",'), defaults())).values()
    assert "malformed" in fault


texts = st.text(st.characters())
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)
spellings = st.builds(json.JSONEncoder, ensure_ascii=st.just(value=True), indent=st.sampled_from([None, 1, "\t"]))


@given(values, spellings)
def test_any_json_is_kept_byte_for_byte_and_can_be_read(value: object, spelling: json.JSONEncoder) -> None:
    data = spelling.encode(value).replace("Infinity", "1e400").encode()
    event = last(READERS["application/json"](own(data), defaults()))
    body = msgspec.json.decode(bytes(event.body), type=dict[str, msgspec.Raw])
    kept = base64.b64decode(msgspec.json.decode(body["data_base64"])) if "data_base64" in body else bytes(body["data"])
    assert kept == data
    msgspec.json.decode(bytes(event.body))


@given(st.integers(0, 999), st.integers(-400, 400), st.integers(1, 1200), st.binary(max_size=60))
def test_the_quick_test_misses_no_large_number(zeros: int, exponent: int, digits: int, before: bytes) -> None:
    fraction = f".{'0' * zeros}" if zeros else ""  # JSON has no point without digits after it
    number = f"{'9' * digits}{fraction}e{exponent:+}".encode()
    for text in (number, number.replace(b"+", b""), number.replace(b"e", b"E")):
        value = b"[" + json.dumps(before.hex()).encode() + b"," + text + b"]"
        assert may_have_large_numbers(value) or not has_large_numbers(value)
        too_many = sum(map(str.isdigit, text.decode())) > MAX_DIGITS
        assert has_large_numbers(value) == (too_many or float(text) == float("inf"))
