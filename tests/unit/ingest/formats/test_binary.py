"""CloudEvents in binary mode."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.binary import read_binary
from ingest.formats.cloudevents import read_structured
from shared.model.event import Event
from tests.unit.ingest.formats.reading import body_of, defaults, faults_of

LEAST = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def headers_of(content_type: str | None = None, **attributes: str) -> list[tuple[bytes, bytes]]:
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in (LEAST | attributes).items()]
    return headers if content_type is None else [*headers, (b"content-type", content_type.encode())]


def one(headers: list[tuple[bytes, bytes]], body: bytes = b"") -> Event:
    batch = read_binary(headers, body, defaults())
    assert batch.single
    (event,) = batch.events
    return event


def test_attributes_come_from_headers_and_data_from_the_body() -> None:
    time = "2026-01-31T12:00:00Z"
    headers = headers_of("application/json", time=time, subject="a", ext="5", dataschema="urn:x", inbox="orders")
    event = one([*headers, (b"host", b"x")], b'{"a" : 1.10}')
    assert (event.id, event.source, event.type, event.inbox) == ("1", "/s", "t", "orders")
    assert bytes(event.body).endswith(b'"datacontenttype":"application/json","data":{"a" : 1.10}}')
    fields = LEAST | {"time": time, "subject": "a", "ext": "5", "dataschema": "urn:x"}
    assert body_of(event).items() >= fields.items()


@pytest.mark.parametrize(("key", "event_id"), [(None, "r1"), ("k 1", "k 1")])
def test_without_an_id_it_is_the_idempotency_key_or_a_fresh_one(key: str | None, event_id: str) -> None:
    headers = [header for header in headers_of() if header[0] != b"ce-id"]
    (event,) = read_binary(headers, b"1", defaults(idempotency_key=key)).events
    assert event.id == body_of(event)["id"] == event_id


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "text/json; charset=utf-8",
        'application/vnd.example+json;x=y;charset="UTF-8"',
    ],
)
def test_json_is_kept_unchanged(content_type: str) -> None:
    body = body_of(one(headers_of(content_type), b' {"a":[1]}\n'))
    assert body == LEAST | {"datacontenttype": content_type, "data": {"a": [1]}}


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/plain", b"hello"),
        ("text/plain; charset=latin-1", b"\xfc"),
        ("application/json; charset=utf-16", '{"a":1}'.encode("utf-16")),
        ("application/xml", b"<a/>"),
        ("application/octet-stream", bytes(range(256))),
        ("application/jsonx", b"1"),
        ("application/x-ndjson", b"1\n2\n"),
    ],
)
def test_other_content_is_kept_as_base64(content_type: str, content: bytes) -> None:
    body = body_of(one(headers_of(content_type), content))
    assert body == LEAST | {"datacontenttype": content_type, "data_base64": base64.b64encode(content).decode()}


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b'{"a":1}', {"data": {"a": 1}}),
        (b"{", {"data_base64": "ew=="}),
        (b"\xff", {"data_base64": "/w=="}),
        (b"", {}),
    ],
)
def test_without_a_content_type_the_body_is_json_if_it_parses(content: bytes, kept: dict[str, object]) -> None:
    assert body_of(one(headers_of(), content)) == LEAST | kept


def test_an_empty_body_is_no_data() -> None:
    assert body_of(one(headers_of("text/plain"))) == LEAST | {"datacontenttype": "text/plain"}


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ("%41%2525", "A%25"),
        ("100%", "100%"),
        ('"a \\"b\\" \\\\ c"', 'a "b" \\ c'),
        ('"a%20b"', "a b"),
        (" a b ", "a b"),
        ("ü", "ü"),
        ('"', '"'),
    ],
)
def test_values_are_unquoted_and_percent_decoded_once(value: str, meaning: str) -> None:
    assert body_of(one(headers_of(id=value, ext=value))) == LEAST | {"id": meaning, "ext": meaning}


def binary_faults(headers: list[tuple[bytes, bytes]], body: bytes = b"") -> dict[str | None, str]:
    return faults_of(lambda: read_binary(headers, body, defaults()))


def test_every_fault_is_listed() -> None:
    headers = [
        *headers_of("json", id="", specversion="0.3", time="now"),
        (b"ce-id", b"2"),
        (b"ce-Ext", b"1"),
        (b"ce-bad", b"%C0%A0"),
        (b"ce-control", b"%00"),
        (b"ce-data", b"1"),
        (b"ce-datacontenttype", b"a/b"),
        (b"ce-position", b"7"),
    ]
    faults = binary_faults([(name, value) for name, value in headers if name != b"ce-type"])
    assert faults.keys() == {
        *("/id", "/specversion", "/time", "/type", "/Ext", "/bad", "/control", "/data", "/datacontenttype"),
        "/position",
    }


def test_a_header_given_twice_is_refused() -> None:
    assert binary_faults([*headers_of(), (b"ce-ext", b"1"), (b"ce-ext", b"1")]) == {
        "/ext": "The header `ce-ext` is given more than once."
    }


@pytest.mark.parametrize("content", [b"{", b"\xff", b"NaN", b"[" * 5000 + b"]" * 5000])
def test_invalid_json_with_a_json_content_type_is_refused(content: bytes) -> None:
    assert binary_faults(headers_of("application/json"), content).keys() == {None}


def test_data_too_deep_is_refused() -> None:
    assert binary_faults(headers_of("application/json"), b"[" * 501 + b"]" * 501).keys() == {"/data"}


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=50).filter(str.strip)
json_values = st.recursive(st.none() | st.booleans() | st.integers() | texts, st.lists, max_leaves=5)


@given(texts, texts, json_values)
def test_an_event_in_binary_mode_is_the_same_as_in_structured_mode(id_: str, ext: str, data: object) -> None:
    content = json.dumps(data).encode()
    attributes = {"id": id_, "ext": ext}
    binary = one(headers_of("application/json", **{n: quote(v, safe="") for n, v in attributes.items()}), content)
    fields = LEAST | attributes | {"datacontenttype": "application/json", "data": data}
    (structured,) = read_structured(json.dumps(fields).encode(), defaults()).events
    assert body_of(binary) == body_of(structured)
    assert binary.id == id_


@given(st.binary(min_size=1))
def test_any_bytes_are_kept(content: bytes) -> None:
    kept = body_of(one(headers_of("application/octet-stream"), content))
    assert base64.b64decode(kept["data_base64"], validate=True) == content
