"""Combine events into bodies of `POST /v1/events`, each up to the limits of a request."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_EVENTS = 1000
MAX_BYTES = 512 * 1024


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One request: its body, and the number of events in earlier requests."""

    first: int
    body: bytes


def batches(events: Iterable[bytes]) -> Iterator[Batch]:
    """Yield encoded events in requests of up to 1,000 events and 512 KiB; a larger event gets its own request."""
    first, pending, size = 0, list[bytes](), 1
    for event in events:
        needed = len(event) + 1  # the comma, or the closing bracket
        if pending and (len(pending) == MAX_EVENTS or size + needed > MAX_BYTES):
            yield _batch(first, pending)
            first, pending, size = first + len(pending), [], 1
        pending.append(event)
        size += needed
    if pending:
        yield _batch(first, pending)


def _batch(first: int, events: list[bytes]) -> Batch:
    return Batch(first=first, body=b"[" + b",".join(events) + b"]")
