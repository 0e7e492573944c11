"""`application/json`: events in our own envelope, whose `data` is never parsed, only checked."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from ingest.formats.fields import MAX_TEXT_LENGTH, Posted, is_sound, is_text
from ingest.formats.validation import explain, malformed
from ingest.trace_context import Trace
from shared.model.errors import Fault, InvalidEvent, InvalidRequest
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE, MAX_EVENTS_PER_REQUEST, Event

SPEC_VERSION = "1.0"


class RequestDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says for all its events.

    `mint` makes receipts. `time` is for events that name none, `inbox` and `trace` likewise.
    """

    mint: Callable[[], str]
    time: str
    inbox: str = DEFAULT_INBOX
    idempotency_key: str | None = None
    trace: Trace | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A request's events; `single` if it posted one by itself, not an array of one."""

    events: list[Event]
    single: bool


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


def read_json(body: bytes, terms: RequestDefaults) -> Batch:
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
    return batch_of(items, terms, single=single)


def batch_of(items: list[Posted], terms: RequestDefaults, *, single: bool) -> Batch:
    """Return the events that `items`, all of them sound, are; raise `InvalidRequest` if the key makes no ids."""
    ids = _ids_of(items, terms, single=single)
    return Batch(events=[_event(item, id_, terms) for item, id_ in zip(items, ids, strict=True)], single=single)


def _ids_of(items: list[Posted], terms: RequestDefaults, *, single: bool) -> list[str | None]:
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


def _event(item: Posted, id_: str | None, terms: RequestDefaults) -> Event:
    receipt = terms.mint()
    # An event that nobody named is named by its receipt: a UUIDv7 too, and one less to mint.
    id_ = receipt if id_ is None else id_
    source = DEFAULT_SOURCE if item.source is UNSET else item.source
    event = _CloudEvent(
        specversion=SPEC_VERSION,
        id=id_,
        source=source,
        type=item.type,
        subject=item.subject,
        time=terms.time if item.time is UNSET else item.time,
        datacontenttype=UNSET if item.data is UNSET else "application/json",
        data=item.data,
    )
    body = _encoder.encode(event)
    if terms.trace is not None:
        body = b"%b,%b}" % (body[:-1], terms.trace.members)
    return Event(
        receipt=receipt,
        id=id_,
        source=source,
        inbox=terms.inbox if item.inbox is UNSET else item.inbox,
        type=item.type,
        body=Raw(body),
    )


def _explained(body: bytes) -> InvalidEvent:
    try:
        return explain(body)
    except (msgspec.DecodeError, RecursionError) as error:
        # Malformed behind the first fault.
        return malformed(body, error)
