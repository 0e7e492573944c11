"""JSON pointers (RFC 6901), and the bodies that are JSON."""

import pytest

from ingest.sources.content import Content
from ingest.sources.webhook import Webhook

# The document of RFC 6901, section 5, with some numbers replaced.
DOCUMENT = (
    b' {"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8,'
    b'"deep":{"list":[{"x":true}]},"none":null,"empty":"","float":1.50,"big":12345678901234567890123,'
    b'"dup":1,"dup":2,"t":"gr\xc3\xbc\xc3\x9fe"} '
)


def content(body: bytes = DOCUMENT, content_type: bytes = b"application/json") -> Content:
    return Content(Webhook(body, [(b"content-type", content_type)]))


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/foo/0", "bar"),
        ("/foo/1", "baz"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ('/k"l', "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("/deep/list/0/x", "true"),
        ("/float", "1.50"),
        ("/big", "12345678901234567890123"),
        ("/dup", "2"),
        ("/t", "grüße"),
        ("", None),
        ("/foo", None),
        ("/foo/2", None),
        ("/foo/01", None),
        ("/foo/-", None),
        ("/foo/99999999999", None),
        ("/none", None),
        ("/none/x", None),
        ("/empty", None),
        ("/missing", None),
        ("/float/x", None),
        ("/float/0", None),
        ("/deep/list/0/x/0", None),
    ],
)
def test_pointers(pointer: str, value: str | None) -> None:
    assert content().value_at(pointer) == value


def test_a_body_with_a_lone_surrogate_is_not_json() -> None:
    assert content(b'{"a":1,"half":"\\ud800"}').value_at("/a") is None


def test_the_empty_pointer_is_the_whole_body() -> None:
    assert content(b' "a" ').value_at("") == "a"
    assert content(b"[7]").value_at("/0") == "7"


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1}x', b'{"a":"\xff"}', b"[" * 100_000])
def test_a_body_that_is_not_json_has_no_values(body: bytes) -> None:
    assert content(body).value_at("/a") is None


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [
        (b"", True),
        (b"application/json", True),
        (b"Application/JSON;charset=UTF-8", True),
        (b'text/json; charset="utf-8"', True),
        (b"application/cloudevents+json", True),
        (b"application/json; charset=utf-16", False),
        (b"text/plain", False),
        (b"application/x-ndjson", False),
        (b"json", False),
    ],
)
def test_media_types_of_json(content_type: bytes, *, is_json: bool) -> None:
    assert content(content_type=content_type).is_json is is_json
