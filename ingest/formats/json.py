"""`application/json`: events in our own envelope. `data` is checked, but never parsed."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from ingest.formats.fields import MAX_TEXT_LENGTH, PostedEvent, is_sound, is_text
from ingest.formats.portable import DataForm
from ingest.formats.validation import explain, malformed, utf8
from ingest.trace_context import Trace
from shared.model.errors import Fault, InvalidEvent, InvalidRequest
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE, MAX_EVENTS_PER_REQUEST, Event

SPEC_VERSION = "1.0"


class RequestDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a request sets for all its events.

    `mint` makes receipts. `time`, `inbox` and `trace` apply to events that have none of their own. `mark` is what the
    body has in place of halves of surrogate pairs (`ingest.formats.portable`).
    """

    mint: Callable[[], str]
    time: str
    inbox: str = DEFAULT_INBOX
    idempotency_key: str | None = None
    trace: Trace | None = None
    mark: bytes = b""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a request; `single` if the body was one event and not an array."""

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
    data_base64: str | UnsetType


_decoder: msgspec.json.Decoder[PostedEvent | list[PostedEvent]] = msgspec.json.Decoder(
    PostedEvent | Annotated[list[PostedEvent], Meta(min_length=1, max_length=MAX_EVENTS_PER_REQUEST)]
)
_encoder = msgspec.json.Encoder()


def read_json(body: bytes, defaults: RequestDefaults) -> Batch:
    """Read one event or an array of 1 to 1,000; raise `InvalidEvent` with every fault."""
    body = utf8(body)
    try:
        posted = _decoder.decode(body)
    except msgspec.ValidationError:
        raise _explained(body) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(body, error) from None
    single = isinstance(posted, PostedEvent)
    items = [posted] if isinstance(posted, PostedEvent) else posted
    if not all(map(is_sound, items)):
        raise _explained(body)
    return batch_of(items, defaults, DataForm(body, defaults.mark), single=single)


def batch_of(items: list[PostedEvent], defaults: RequestDefaults, form: DataForm, *, single: bool) -> Batch:
    """Return the events in `items`, all valid; raise `InvalidRequest` if the idempotency key is too long for ids."""
    ids = _ids_of(items, defaults, single=single)
    events = [_event(item, id_, defaults, form) for item, id_ in zip(items, ids, strict=True)]
    return Batch(events=events, single=single)


def _ids_of(items: list[PostedEvent], defaults: RequestDefaults, *, single: bool) -> list[str | None]:
    """Return the id of each event; None where neither the event nor the request gives one."""
    key = defaults.idempotency_key
    ids = [
        item.id if item.id is not UNSET else key if key is None or single else f"{key}:{index}"
        for index, item in enumerate(items)
    ]
    if key is not None and not all(map(is_text, filter(None, ids))):
        detail = f"With `:` and the event's index appended, Idempotency-Key exceeds {MAX_TEXT_LENGTH} characters."
        raise InvalidRequest("The Idempotency-Key is too long for this batch.", [Fault(detail=detail)])
    return ids


def _event(item: PostedEvent, id_: str | None, defaults: RequestDefaults, form: DataForm) -> Event:
    encoded = None if form.is_plain or item.data is UNSET else form.base64_of(item.data)
    receipt = defaults.mint()
    # The receipt, a UUIDv7 too, is the default id: one less to mint.
    id_ = receipt if id_ is None else id_
    source = DEFAULT_SOURCE if item.source is UNSET else item.source
    event = _CloudEvent(
        specversion=SPEC_VERSION,
        id=id_,
        source=source,
        type=item.type,
        subject=item.subject,
        time=defaults.time if item.time is UNSET else item.time,
        datacontenttype=UNSET if item.data is UNSET else "application/json",
        data=item.data if encoded is None else UNSET,
        data_base64=UNSET if encoded is None else encoded,
    )
    body = _encoder.encode(event)
    if defaults.trace is not None:
        body = b"%b,%b}" % (body[:-1], defaults.trace.members)
    return Event(
        receipt=receipt,
        id=id_,
        source=source,
        inbox=defaults.inbox if item.inbox is UNSET else item.inbox,
        type=item.type,
        body=Raw(body),
    )


def _explained(body: bytes) -> InvalidEvent:
    try:
        return explain(body)
    except (msgspec.DecodeError, RecursionError) as error:
        # Malformed after the first fault.
        return malformed(body, error)
