"""W3C trace context: what `traceparent` and `tracestate` of a request hand on.

https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Mapping

import msgspec

# Version ff is none, and neither are ids of zeros only. Versions to come may append fields; version 00 has none.
_parent = re.compile(
    rb"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{0,200})?"
).fullmatch
_state = re.compile(rb"[ -~]{1,512}").fullmatch


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request stands in its trace."""

    parent: str
    state: str | None = None

    @property
    def members(self) -> bytes:
        """CloudEvents' distributed tracing extension: the same two, as members of a JSON object."""
        members = b'"traceparent":%b' % msgspec.json.encode(self.parent)
        return members if self.state is None else b'%b,"tracestate":%b' % (members, msgspec.json.encode(self.state))


def trace_of(headers: Mapping[bytes, bytes]) -> Trace | None:
    """Return the trace that the `headers` of a request name; None if they name none, or none that is valid."""
    parent = headers.get(b"traceparent")
    if parent is None or not _parent(parent):
        return None
    state = headers.get(b"tracestate", b"").strip()
    return Trace(parent=parent.decode(), state=state.decode() if _state(state) else None)
