"""Helpers shared by the tests of all readers."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ingest.formats.json import Batch, RequestDefaults
from ingest.trace_context import Trace
from shared.model.errors import InvalidEvent
from shared.model.event import Event

NOW = "2026-11-22T17:00:00.000Z"


def defaults(
    *, inbox: str = "default", idempotency_key: str | None = None, trace: Trace | None = None
) -> RequestDefaults:
    numbers = itertools.count(1)
    return RequestDefaults(
        mint=lambda: f"r{next(numbers)}", time=NOW, inbox=inbox, idempotency_key=idempotency_key, trace=trace
    )


def faults_of(read: Callable[[], Batch]) -> dict[str | None, str]:
    """Return the fault details of a refused request by pointer."""
    with pytest.raises(InvalidEvent) as caught:
        read()
    assert caught.value.faults
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def body_of(event: Event) -> dict[str, Any]:
    """Return the event as it is stored, and check that no name occurs twice."""
    members: list[tuple[str, Any]] = []
    fields = msgspec.json.decode(bytes(event.body), type=dict[str, msgspec.Raw])
    members += fields.items()
    assert bytes(event.body) == b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members)
    return {name: msgspec.json.decode(value) for name, value in fields.items()}
