"""Selects the reader that turns a request's body into events.

To add a format, write a function `(body, defaults) -> Batch` and add it to `READERS`.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

import msgspec

from ingest.formats.binary import MARKS, Headers, read_binary
from ingest.formats.cloudevents import read_batch, read_structured
from ingest.formats.json import Batch, RequestDefaults, read_json
from ingest.formats.ndjson import read_ndjson
from ingest.formats.portable import marked
from shared.model.errors import InvalidEvent, UnsupportedMedia

Reader = Callable[[bytes, RequestDefaults], Batch]


def _with_halves(read: Reader) -> Reader:
    """Return a reader that accepts halves of surrogate pairs in data, which the decoder behind `read` refuses."""

    def read_again(body: bytes, defaults: RequestDefaults) -> Batch:
        try:
            return read(body, defaults)
        except InvalidEvent:
            if (found := marked(body)) is None:
                raise
        body, mark = found
        return read(body, msgspec.structs.replace(defaults, mark=mark))

    return read_again


READERS: Mapping[str, Reader] = {
    "application/json": _with_halves(read_json),
    "application/cloudevents+json": _with_halves(read_structured),
    "application/cloudevents-batch+json": _with_halves(read_batch),
    "application/x-ndjson": _with_halves(read_ndjson),
}
"""Media types of `POST /v1/events`, and the reader of each."""

_CLOUDEVENTS = b"application/cloudevents"


def reader_of(given: Mapping[bytes, bytes], headers: Headers) -> Reader:
    """Return the reader for a request with these headers, by name in `given` and as received in `headers`.

    Raises `UnsupportedMedia` if there is none.
    """
    content_type = given.get(b"content-type", b"")
    if given.keys().isdisjoint(MARKS) or content_type.lower().startswith(_CLOUDEVENTS):
        return _reader_of(content_type)
    return partial(read_binary, headers)


@lru_cache(maxsize=256)
def _reader_of(content_type: bytes) -> Reader:
    media_type, _, parameters = content_type.decode("latin-1").partition(";")
    reader = READERS.get(media_type.strip().lower())
    if reader is None:
        accepted = tuple(READERS)
        raise UnsupportedMedia(f"The Content-Type must be one of: {', '.join(accepted)}.", accepted)
    if parameters:
        _check_charset(parameters)
    return reader


def _check_charset(parameters: str) -> None:
    for parameter in parameters.lower().split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMedia("The body's charset must be UTF-8.", tuple(READERS))
