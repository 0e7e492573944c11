"""The choice of a reader."""

import functools

import pytest

from ingest.formats.binary import read_binary
from ingest.formats.registry import READERS, Reader, reader_of
from shared.model.errors import UnsupportedMedia


def reader_for(content_type: bytes | None, *marks: bytes) -> Reader:
    headers = [(mark, b"x") for mark in marks]
    if content_type is not None:
        headers.append((b"content-type", content_type))
    return reader_of(dict(headers), headers)


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        (b"application/json", "application/json"),
        (b"APPLICATION/JSON ; charset=UTF-8", "application/json"),
        (b'application/json; charset="utf-8"', "application/json"),
        (b"application/json;charset=us-ascii;x=y", "application/json"),
        (b"application/cloudevents+json", "application/cloudevents+json"),
        (b"application/cloudevents+json; charset=UTF-8", "application/cloudevents+json"),
        (b"application/cloudevents-batch+json", "application/cloudevents-batch+json"),
        (b"application/x-ndjson", "application/x-ndjson"),
    ],
)
def test_the_content_type_selects_the_reader(content_type: bytes, media_type: str) -> None:
    assert reader_for(content_type) is READERS[media_type]


@pytest.mark.parametrize("content_type", [None, b"application/json", b"text/plain", b"\xff", b"application/x-ndjson"])
@pytest.mark.parametrize("mark", [b"ce-specversion", b"ce-id", b"ce-source", b"ce-type"])
def test_any_other_content_with_cloudevents_headers_is_binary_mode(content_type: bytes | None, mark: bytes) -> None:
    reader = reader_for(content_type, mark)
    assert isinstance(reader, functools.partial)
    assert reader.func is read_binary


def test_a_structured_event_may_repeat_its_attributes_in_headers() -> None:
    assert reader_for(b"Application/CloudEvents+json", b"ce-id", b"ce-type") is READERS["application/cloudevents+json"]


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"text/plain",
        b"application/jsonx",
        b"application/json; charset=latin-1",
        b"application/cloudevents+avro",
        b"application/cloudevents",
    ],
)
@pytest.mark.parametrize("marks", [(), (b"ce-subject",)])
def test_another_media_type_is_refused_with_the_supported_ones(
    content_type: bytes | None, marks: tuple[bytes, ...]
) -> None:
    with pytest.raises(UnsupportedMedia) as caught:
        reader_for(content_type, *marks)
    assert caught.value.accepted == tuple(READERS)


def test_binary_mode_can_not_carry_another_format_of_cloudevents() -> None:
    with pytest.raises(UnsupportedMedia):
        reader_for(b"application/cloudevents+avro", b"ce-id")
