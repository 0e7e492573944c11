"""The events of a run: the event with number n is always the same, so that followers can check it."""

import base64
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

TYPE = "chaos.event"

_INBOX_EVENTS = 200
_SIDES = ("/left", "/right")
_PLAIN_BYTES = 60
_BIG_BYTES = 6_000  # as noise, so that zstd finds nothing to save
_BIG_EVERY = 50

INLINE_BODY_BYTES = 4_000
"""The pipeline's INLINE_BODY_BYTES, low enough that a few events are offloaded to the bucket."""


class Identity(NamedTuple):
    """The identity of an event within the only tenant of a run."""

    inbox: str
    source: str
    id: str


def inboxes_of(events: int) -> list[str]:
    """Return the inboxes of events 0 to `events`, in the order in which they fill.

    They are many, for the emulator's query looks at every event of its inbox: with 20,000 in one, a page of one
    event would take seconds and stall everything else.
    """
    return [_inbox(number) for number in range(0, events + 1, _INBOX_EVENTS)]


def _inbox(number: int) -> str:
    return f"chaos-{number // _INBOX_EVENTS:04}"


def identity_of(number: int) -> Identity:
    """Return the identity of event `number`: each id comes twice, from two sources."""
    return Identity(_inbox(number), _SIDES[number % 2], f"event-{number // 2:06}")


def data_of(number: int) -> dict[str, Any]:
    """Return the payload of event `number`."""
    size = _BIG_BYTES if number % _BIG_EVERY == 0 else _PLAIN_BYTES
    noise = random.Random(number).randbytes(size)  # noqa: S311
    return {"number": number, "noise": base64.b64encode(noise).decode()}


def event_of(number: int) -> dict[str, Any]:
    """Return event `number` as it is posted."""
    inbox, source, id_ = identity_of(number)
    return {"type": TYPE, "id": id_, "source": source, "inbox": inbox, "data": data_of(number)}


def identity_in(answer: Mapping[str, Any]) -> Identity:
    """Return the identity of an event in an answer of the API."""
    return Identity(answer["inbox"], answer["source"], answer["id"])


def is_intact(listed: Mapping[str, Any]) -> bool:
    """Return whether a listed event has the posted data."""
    data = listed.get("data")
    number = data.get("number") if isinstance(data, dict) else None
    if not isinstance(number, int):
        return False
    return identity_of(number) == identity_in(listed) and data == data_of(number)
