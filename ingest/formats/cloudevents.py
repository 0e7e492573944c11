"""CloudEvents 1.0 in JSON, single and batched: every posted value is read back unchanged.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from ingest.formats import attributes
from ingest.formats.attributes import OURS
from ingest.formats.json import Batch, RequestDefaults
from ingest.formats.portable import DataForm
from ingest.formats.raw_json import fields_of
from ingest.formats.validation import NOT_AN_OBJECT, count_fault, duplicate_faults, invalid, items_of, malformed, utf8
from shared.model.errors import Fault
from shared.model.event import Event

_text = msgspec.json.Decoder(str)


def read_structured(body: bytes, defaults: RequestDefaults) -> Batch:
    """Read one event in structured mode; raise `InvalidEvent` with every fault."""
    return _read(body, defaults, single=True)


def read_batch(body: bytes, defaults: RequestDefaults) -> Batch:
    """Read an array of up to 1,000 events; raise `InvalidEvent` with every fault."""
    return _read(body, defaults, single=False)


def event_of(fields: Mapping[str, bytes], defaults: RequestDefaults, form: DataForm) -> Event:
    """Return the event with these valid `fields`: attributes and data by name, as JSON."""
    if not form.is_plain:
        fields = _portable(fields, form)
    kept = [b'"%b":%b' % (name.encode(), value) for name, value in fields.items() if name not in OURS]
    if defaults.trace is not None and "traceparent" not in fields:
        kept.append(defaults.trace.members)
    return Event(
        receipt=defaults.mint(),
        id=_text.decode(fields["id"]),
        source=_text.decode(fields["source"]),
        inbox=_text.decode(fields["inbox"]) if "inbox" in fields else defaults.inbox,
        type=_text.decode(fields["type"]),
        body=Raw(b"{%b}" % b",".join(kept)),
    )


def _read(body: bytes, defaults: RequestDefaults, *, single: bool) -> Batch:
    body = utf8(body)
    try:
        items = _items(body, single=single)
        faults: list[Fault] = []
        events = [_fields(item, "" if single else f"/{index}", faults) for index, item in enumerate(items)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(body, error) from None
    if faults:
        raise invalid(faults, single=single)
    form = DataForm(body, defaults.mark)
    return Batch(events=[event_of(fields, defaults, form) for fields in events], single=single)


def _portable(fields: Mapping[str, bytes], form: DataForm) -> Mapping[str, bytes]:
    """Return `fields` with the data in a form that is safe to list."""
    encoded = form.base64_of(fields["data"]) if "data" in fields else None
    if encoded is None:
        return fields
    others = {name: value for name, value in fields.items() if name != "data"}
    return {"datacontenttype": b'"application/json"'} | others | {"data_base64": b'"%b"' % encoded.encode()}


def _items(body: bytes, *, single: bool) -> list[bytes]:
    if single:
        return [body]
    try:
        items = items_of(body)
    except msgspec.ValidationError:
        raise invalid([Fault(detail="A batch must be a JSON array.", pointer="")], single=False) from None
    if items and (fault := count_fault(len(items))):  # an empty batch is valid
        raise fault
    return [bytes(item) for item in items]


def _fields(item: bytes, pointer: str, faults: list[Fault]) -> dict[str, bytes]:
    """Return the fields of `item`; add to `faults` what is wrong with them."""
    try:
        fields = fields_of(item)
    except msgspec.ValidationError:
        faults.append(Fault(detail=NOT_AN_OBJECT, pointer=pointer))
        return {}
    faults += duplicate_faults(item, fields, pointer)
    fields = attributes.given(fields)
    faults += attributes.faults_of(fields, pointer)
    return fields
