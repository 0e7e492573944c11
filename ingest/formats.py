"""From a request's body to events, one reader for each media type.

To read another format: write a function `(body, terms) -> Batch` and name it in `READERS`.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from ingest.faults import explain, malformed
from ingest.fields import MAX_TEXT_LENGTH, Posted, is_sound, is_text
from shared.errors import Fault, InvalidEvent, InvalidRequest, UnsupportedMedia
from shared.event import DEFAULT_INBOX, DEFAULT_SOURCE, MAX_EVENTS_PER_REQUEST, Event

SPEC_VERSION = "1.0"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says for all its events.

    `mint` makes receipts. `time` is for events that name none, `inbox` likewise.
    """

    mint: Callable[[], str]
    time: str
    inbox: str = DEFAULT_INBOX
    idempotency_key: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A request's events; `single` if it posted one by itself, not an array of one."""

    events: list[Event]
    single: bool


Reader = Callable[[bytes, Terms], Batch]


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents 1.0, JSON format. `data` is the posted bytes."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str | UnsetType
    time: str
    datacontenttype: str | UnsetType
    data: Raw | UnsetType


_decoder: msgspec.json.Decoder[Posted | list[Posted]] = msgspec.json.Decoder(
    Posted | Annotated[list[Posted], Meta(min_length=1, max_length=MAX_EVENTS_PER_REQUEST)]
)
_encoder = msgspec.json.Encoder()


def read_json(body: bytes, terms: Terms) -> Batch:
    """Read one event or an array of 1..1000; raise `InvalidEvent` with everything that is wrong with them."""
    try:
        # msgspec skips over `data`, checking its grammar but not its UTF-8.
        body.decode()
        posted = _decoder.decode(body)
    except msgspec.ValidationError:
        raise _explained(body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(body, error) from None
    single = isinstance(posted, Posted)
    items = [posted] if isinstance(posted, Posted) else posted
    if not all(map(is_sound, items)):
        raise _explained(body)
    ids = _ids_of(items, terms, single=single)
    return Batch(events=[_event(item, id_, terms) for item, id_ in zip(items, ids, strict=True)], single=single)


READERS: Mapping[str, Reader] = {"application/json": read_json}
"""Media types of `POST /v1/events`, and how each is read."""


@lru_cache(maxsize=256)
def reader_of(content_type: bytes) -> Reader:
    """Return the reader for a Content-Type; raise `UnsupportedMedia` if there is none."""
    media_type, _, parameters = content_type.decode("latin-1").partition(";")
    reader = READERS.get(media_type.strip().lower())
    if reader is None:
        accepted = tuple(READERS)
        raise UnsupportedMedia(f"The Content-Type is none of: {', '.join(accepted)}.", accepted)
    if parameters:
        _check_charset(parameters)
    return reader


def _check_charset(parameters: str) -> None:
    for parameter in parameters.lower().split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMedia("The body's charset must be UTF-8.", tuple(READERS))


def _ids_of(items: list[Posted], terms: Terms, *, single: bool) -> list[str | None]:
    """Return each event's id, None where neither the event nor the request names one."""
    key = terms.idempotency_key
    ids = [
        item.id if item.id is not UNSET else key if key is None or single else f"{key}:{index}"
        for index, item in enumerate(items)
    ]
    if key is not None and not all(map(is_text, filter(None, ids))):
        detail = f"With the event's number behind it, Idempotency-Key is longer than {MAX_TEXT_LENGTH} characters."
        raise InvalidRequest("The Idempotency-Key is too long for this batch.", [Fault(detail=detail)])
    return ids


def _event(item: Posted, id_: str | None, terms: Terms) -> Event:
    receipt = terms.mint()
    # An event that nobody named is named by its receipt: a UUIDv7 too, and one less to mint.
    id_ = receipt if id_ is None else id_
    source = DEFAULT_SOURCE if item.source is UNSET else item.source
    body = _CloudEvent(
        specversion=SPEC_VERSION,
        id=id_,
        source=source,
        type=item.type,
        subject=item.subject,
        time=terms.time if item.time is UNSET else item.time,
        datacontenttype=UNSET if item.data is UNSET else "application/json",
        data=item.data,
    )
    return Event(
        receipt=receipt,
        id=id_,
        source=source,
        inbox=terms.inbox if item.inbox is UNSET else item.inbox,
        type=item.type,
        body=Raw(_encoder.encode(body)),
    )


def _explained(body: bytes) -> InvalidEvent:
    try:
        return explain(body)
    except (msgspec.DecodeError, RecursionError) as error:
        # Malformed behind the first fault.
        return malformed(body, error)
