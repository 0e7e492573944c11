"""The types of what is sent and read. At run time, events are plain dicts, so that they can be sent on as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Required, TypeAlias, TypedDict


class NewEvent(TypedDict, total=False):
    """The fields of an event to send; `type` is required.

    `data` may contain dates, UUIDs and Decimals, which `encoding` describes. Without an `id`, an event gets one.
    """

    type: Required[str]
    data: Any
    id: str
    source: str
    subject: str
    time: Any
    inbox: str


Event: TypeAlias = NewEvent | Mapping[str, Any] | bytes
"""What `send` takes: the fields of an event, a CloudEvent, or JSON text of either, which is sent unchanged."""


class InboxEvent(TypedDict):
    """A CloudEvents 1.0 event with its place in an inbox. Times are RFC 3339 text in UTC.

    Content that is not JSON is in `data_base64` instead of `data`. Extensions have names of their own, as in
    `event.get("tier")`.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    inbox: str
    receivedat: str
    position: str
    subject: NotRequired[str]
    time: NotRequired[str]
    datacontenttype: NotRequired[str]
    dataschema: NotRequired[str]
    data: NotRequired[Any]
    data_base64: NotRequired[str]
    dataerror: NotRequired[Literal["missing", "broken"]]
    deliveredat: NotRequired[str]
    possibleduplicate: NotRequired[Literal[True]]


class EventStatus(TypedDict):
    """An event that was looked up, and when it was received, stored, acknowledged (if it was) and expires."""

    id: str
    status: Literal["stored", "delivered"]
    position: str
    receivedat: str
    storedat: str
    expiresat: str
    deliveredat: NotRequired[str]
    event: InboxEvent


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An event in the queue. `source`, `inbox` and `id` identify it; `receipt` identifies this acceptance."""

    id: str
    source: str
    inbox: str
    receipt: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """Events, oldest first, and the cursor after them. `more`: another request will return more immediately."""

    events: list[InboxEvent]
    cursor: str
    more: bool
