import json

import pytest

from ingest.trace_context import trace_of

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"


def test_a_trace_is_read_from_the_headers() -> None:
    trace = trace_of({b"traceparent": PARENT, b"tracestate": b' a="1",b=2 '})
    assert trace is not None
    assert (trace.parent, trace.state) == (PARENT.decode(), 'a="1",b=2')
    assert json.loads(b"{%b}" % trace.members) == {"traceparent": PARENT.decode(), "tracestate": 'a="1",b=2'}


@pytest.mark.parametrize("state", [None, b"", b"x" * 513, b"a=\xff", b"a=\x01"])
def test_an_invalid_state_is_ignored(state: bytes | None) -> None:
    trace = trace_of({b"traceparent": PARENT} | ({} if state is None else {b"tracestate": state}))
    assert trace is not None
    assert json.loads(b"{%b}" % trace.members) == {"traceparent": PARENT.decode()}


@pytest.mark.parametrize("parent", [PARENT, b"01" + PARENT[2:], b"cc" + PARENT[2:] + b"-what-comes.next"])
def test_later_versions_are_accepted(parent: bytes) -> None:
    trace = trace_of({b"traceparent": parent})
    assert trace is not None
    assert trace.parent == parent.decode()


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1",
        PARENT.upper(),
        PARENT + b"-x",
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + b"-b9c7c989f97918e1-01",
        b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
        b"cc" + PARENT[2:] + b"-" + b"x" * 201,
        b"cc" + PARENT[2:] + b"x",
        PARENT + b"\n",
    ],
)
def test_an_invalid_trace_is_ignored(parent: bytes) -> None:
    assert trace_of({b"traceparent": parent, b"tracestate": b"a=1"}) is None


def test_a_state_alone_is_ignored() -> None:
    assert trace_of({b"tracestate": b"a=1"}) is None
