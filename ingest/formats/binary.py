"""CloudEvents 1.0 in the binary mode of HTTP: attributes in `ce-*` headers, the body as `data`.

JSON is kept unchanged. Any other content is kept as `data_base64`, since JSON can't hold bytes. Without `ce-id`, which
a sender of fixed headers can't vary, the id is the Idempotency-Key or a fresh one.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

import msgspec

from ingest.formats import attributes
from ingest.formats.cloudevents import event_of
from ingest.formats.json import Batch, RequestDefaults
from ingest.formats.portable import DataForm, marked
from ingest.formats.validation import invalid, malformed
from shared.model.errors import Fault, echo, pointer_to

Headers = Iterable[tuple[bytes, bytes]]

MARKS = frozenset({b"ce-specversion", b"ce-id", b"ce-source", b"ce-type"})
"""A request with any of these headers is read as an event in binary mode."""

_PREFIX = b"ce-"
_UTF_8 = (None, "utf-8", "utf8", "us-ascii")

# RFC 9110's quoted-string, which senders of older CloudEvents versions use.
_quoted = re.compile(rb'"((?:[^"\\]|\\.)*)"').fullmatch
_escape = re.compile(rb"\\(.)")
_json_type = re.compile(r"[^/;]+/(?:[^/;]+\+)?json\s*", re.IGNORECASE).fullmatch
_charset = re.compile(r';\s*charset\s*=\s*"?([^\s";]*)', re.IGNORECASE).search

_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder(msgspec.Raw)


def read_binary(headers: Headers, body: bytes, defaults: RequestDefaults) -> Batch:
    """Read one event from a request's `headers` and `body`; raise `InvalidEvent` with every fault."""
    faults: list[Fault] = []
    sent = list(headers)
    fields = _attributes(sent, faults)
    content_type = next((value for name, value in sent if name == b"content-type"), b"").decode("latin-1").strip()
    if content_type:
        fields["datacontenttype"] = _encode(content_type)
    if body:
        name, value = _data(body, content_type)
        fields[name] = value
    if "id" not in fields:
        fields["id"] = _encode(defaults.idempotency_key or defaults.mint())
    faults += attributes.faults_of(fields, "")
    if faults:
        raise invalid(faults, single=True)
    return Batch(events=[event_of(fields, defaults, DataForm(body, b""))], single=True)


def _attributes(headers: Headers, faults: list[Fault]) -> dict[str, bytes]:
    """Return the `ce-*` headers as JSON by attribute; add to `faults` those that are invalid."""
    fields: dict[str, bytes] = {}
    for header, value in headers:
        if not header.startswith(_PREFIX):
            continue
        name = header[len(_PREFIX) :].decode("latin-1")
        if name in fields:
            faults.append(_fault(name, "is given more than once"))
        elif name in ("data", "data_base64", "datacontenttype"):
            faults.append(
                _fault(name, "is not allowed in binary mode: the body is the data, its type the Content-Type")
            )
        else:
            try:
                fields[name] = _encode(_text_of(value))
            except UnicodeDecodeError:
                faults.append(_fault(name, "is not percent-encoded UTF-8"))
    return fields


def _text_of(value: bytes) -> str:
    """Return the value of a header unquoted, and percent-decoded once."""
    value = value.strip()
    if quoted := _quoted(value):
        value = _escape.sub(rb"\1", quoted[1])
    return unquote_to_bytes(value).decode()


def _data(body: bytes, content_type: str) -> tuple[str, bytes]:
    """Return the member that holds `body`: its name and its JSON."""
    charset = _charset(content_type)
    is_json = _json_type(content_type.partition(";")[0]) and (charset[1].lower() if charset else None) in _UTF_8
    if is_json or not content_type:
        try:
            body.decode()
            return "data", bytes(_any.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # Without a Content-Type the body is JSON if it parses: the JSON format has the same default.
            if is_json and not _is_json_with_halves(body):
                raise malformed(body, error) from None
    return "data_base64", b'"%b"' % base64.b64encode(body)


def _is_json_with_halves(body: bytes) -> bool:
    """Return whether `body` is JSON but for halves of surrogate pairs."""
    try:
        body.decode()
        found = marked(body)
        return found is not None and bool(_any.decode(found[0]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _fault(name: str, what: str) -> Fault:
    return Fault(detail=f"The header `ce-{echo(name)}` {what}.", pointer=pointer_to(name, ""))
