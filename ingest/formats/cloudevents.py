"""CloudEvents 1.0 in JSON, one and many: what is posted is read back as it was, value for value.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from ingest.formats import attributes
from ingest.formats.attributes import OURS
from ingest.formats.json import Batch, RequestDefaults
from ingest.formats.objects import fields_of
from ingest.formats.validation import NO_OBJECT, count_fault, duplicate_faults, invalid, malformed
from shared.model.errors import Fault
from shared.model.event import Event

_batch = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)


def read_structured(body: bytes, terms: RequestDefaults) -> Batch:
    """Read one event in structured mode; raise `InvalidEvent` with everything that is wrong with it."""
    return _read(body, terms, single=True)


def read_batch(body: bytes, terms: RequestDefaults) -> Batch:
    """Read an array of 1..1000 events; raise `InvalidEvent` with everything that is wrong with them."""
    return _read(body, terms, single=False)


def event_of(fields: Mapping[str, bytes], terms: RequestDefaults) -> Event:
    """Return the event that `fields`, which have no fault, make: attributes and data by name, as JSON."""
    kept = [b'"%b":%b' % (name.encode(), value) for name, value in fields.items() if name not in OURS]
    if terms.trace is not None and "traceparent" not in fields:
        kept.append(terms.trace.members)
    return Event(
        receipt=terms.mint(),
        id=_text.decode(fields["id"]),
        source=_text.decode(fields["source"]),
        inbox=_text.decode(fields["inbox"]) if "inbox" in fields else terms.inbox,
        type=_text.decode(fields["type"]),
        body=Raw(b"{%b}" % b",".join(kept)),
    )


def _read(body: bytes, terms: RequestDefaults, *, single: bool) -> Batch:
    try:
        # msgspec skips over values, checking their grammar but not their UTF-8.
        body.decode()
        items = _items(body, single=single)
        faults: list[Fault] = []
        events = [_fields(item, "" if single else f"/{index}", faults) for index, item in enumerate(items)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(body, error) from None
    if faults:
        raise invalid(faults, single=single)
    return Batch(events=[event_of(fields, terms) for fields in events], single=single)


def _items(body: bytes, *, single: bool) -> list[bytes]:
    if single:
        return [body]
    try:
        items = [bytes(item) for item in _batch.decode(body)]
    except msgspec.ValidationError:
        raise invalid([Fault(detail="A batch is a JSON array.", pointer="")], single=False) from None
    if fault := count_fault(len(items)):
        raise fault
    return items


def _fields(item: bytes, pointer: str, faults: list[Fault]) -> dict[str, bytes]:
    """Return the fields that `item` gives; add to `faults` what is wrong with them."""
    try:
        fields = fields_of(item)
    except msgspec.ValidationError:
        faults.append(Fault(detail=NO_OBJECT, pointer=pointer))
        return {}
    faults += duplicate_faults(item, fields, pointer)
    fields = attributes.given(fields)
    faults += attributes.faults_of(fields, pointer)
    return fields
