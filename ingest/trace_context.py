"""W3C trace context: the `traceparent` and `tracestate` headers of a request.

https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Mapping

import msgspec

# Version ff and ids of only zeros are invalid. Later versions may append fields; version 00 may not.
_parent = re.compile(
    rb"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{0,200})?"
).fullmatch
_state = re.compile(rb"[ -~]{1,512}").fullmatch


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The position of a request in its trace."""

    parent: str
    state: str | None = None

    @property
    def members(self) -> bytes:
        """Both headers as members of a JSON object: CloudEvents' distributed tracing extension."""
        members = b'"traceparent":%b' % msgspec.json.encode(self.parent)
        return members if self.state is None else b'%b,"tracestate":%b' % (members, msgspec.json.encode(self.state))


def trace_of(headers: Mapping[bytes, bytes]) -> Trace | None:
    """Return the trace in the `headers` of a request; None without a valid one."""
    parent = headers.get(b"traceparent")
    if parent is None or not _parent(parent):
        return None
    state = headers.get(b"tracestate", b"").strip()
    return Trace(parent=parent.decode(), state=state.decode() if _state(state) else None)


def traceparent_of(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the valid `traceparent` in the `headers` of a request, if any."""
    trace = trace_of(headers)
    return trace.parent if trace else None
