"""From events to bodies of `POST /v1/events`, each as large as a request may be."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

MAX_EVENTS = 1000
MAX_BYTES = 512 * 1024

Event: TypeAlias = Mapping[str, Any] | bytes
"""The fields of an event, `type` at least; or the event as JSON text, which is sent as it is."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One request: its body, and how many events went out before it."""

    first: int
    body: bytes


def batches(events: Iterable[Event]) -> Iterator[Batch]:
    """Yield `events` in requests of up to 1,000 events and 512 KiB; one that is larger stands alone, to be refused."""
    first, waiting, size = 0, list[bytes](), 1
    for event in map(_encoded, events):
        needed = len(event) + 1  # the comma, or the last bracket
        if waiting and (len(waiting) == MAX_EVENTS or size + needed > MAX_BYTES):
            yield _batch(first, waiting)
            first, waiting, size = first + len(waiting), [], 1
        waiting.append(event)
        size += needed
    if waiting:
        yield _batch(first, waiting)


def _batch(first: int, events: list[bytes]) -> Batch:
    return Batch(first=first, body=b"[" + b",".join(events) + b"]")


def _encoded(event: Event) -> bytes:
    if isinstance(event, bytes):
        return event
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
