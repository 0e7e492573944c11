"""Builds the event of a delivery: a CloudEvent whose data is the body, byte for byte."""

import base64
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec
from msgspec import Raw

from ingest.formats.json import SPEC_VERSION
from ingest.sources import limits
from ingest.sources.content import Content
from ingest.sources.webhook import Webhook
from ingest.trace_context import Trace
from shared.model.event import Event
from shared.model.source import Source, may_hold_credential

MAX_HEADER_LENGTH = 1024
"""Longer values of kept headers are truncated."""

_encode = msgspec.json.Encoder().encode


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of an event, all within the limits of an event."""

    receipt: str
    id: str
    type: str
    time: str
    subject: str | None = None
    trace: Trace | None = None


def event_of(
    source: Source, webhook: Webhook, content: Content, attributes: Attributes, kept: Sequence[str] = ()
) -> Event:
    """Return the event of `webhook` for the source's inbox; `kept` names the headers that become attributes.

    A JSON body becomes `data`, any other `data_base64`, an empty one neither. It comes last, unchanged.
    """
    members = [
        _member("specversion", SPEC_VERSION),
        _member("id", attributes.id),
        _member("source", source.uri),
        _member("type", attributes.type),
        _member("time", attributes.time),
    ]
    if attributes.subject is not None:
        members.append(_member("subject", attributes.subject))
    if limits.media_type(webhook.content_type):
        members.append(_member("datacontenttype", webhook.content_type))
    if attributes.trace is not None:
        members.append(attributes.trace.members)
    members += _extensions(webhook, kept)
    if webhook.body:
        members.append(_data(webhook.body, content))
    return Event(
        receipt=attributes.receipt,
        id=attributes.id,
        source=source.uri,
        inbox=source.inbox,
        type=attributes.type,
        body=Raw(b"{%b}" % b",".join(members)),
    )


def _data(body: bytes, content: Content) -> bytes:
    if content.is_json:
        return b'"data":%b' % body
    return b'"data_base64":"%b"' % base64.b64encode(body)


def _extensions(webhook: Webhook, kept: Sequence[str]) -> Iterator[bytes]:
    taken: set[str] = set()
    for header in kept:
        value = webhook.header(header)
        if not value:
            continue
        name = _extension_of(header)
        if name is not None and name not in taken:
            taken.add(name)
            yield _member(name, limits.text(value, MAX_HEADER_LENGTH))


@lru_cache(maxsize=1024)  # sources keep few headers
def _extension_of(header: str) -> str | None:
    """Return the name of the attribute for `header`, None if the header may hold a credential."""
    return None if may_hold_credential(header) else limits.extension_name(header)


def _member(name: str, value: str) -> bytes:
    return b'"%b":%b' % (name.encode(), _encode(value))
