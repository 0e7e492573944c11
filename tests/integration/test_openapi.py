"""The app compared with its OpenAPI document by schemathesis: every check, for every operation."""

import asyncio
import gzip
import os
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
import schemathesis
import zstandard
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NotSet

from ingest.formats.registry import READERS
from openapi.bodies import OTHER_CONTENT
from shared.clock import SystemClock
from shared.model import api_key, cursor
from shared.model import pack as packs
from shared.model.event import DEFAULT_INBOX
from shared.model.pack import Removal
from shared.model.position import Minter
from shared.ports import Outgoing
from shared.web.docs import DOCUMENT
from tests.fakes.app import AppWorld, build_all
from worker.reading.limits import MAX_WAIT_SECONDS

pytestmark = pytest.mark.slow

_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}

_BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "a"}


_world = AppWorld(
    # In real time: on a fake clock, a request that waits polls without pauses.
    lambda settings, **ports: build_all(settings, **ports | {"clock": SystemClock()}),
    key={"scopes": api_key.SCOPES, "rate": 1_000_000, "burst": 1_000_000},
)
_token = asyncio.run(_world.token())
_removal = Removal(tenant="t", key_id="k", accepted_at=1, receipt="r", inbox="i", source="/", id="1")
_dead_letters = [Outgoing(body="x"), Outgoing(body=packs.encode(_removal), attributes={"reason": "why"})]
asyncio.run(_world.dlq.send(_dead_letters))
# Cursors are opaque: only the API can make one, as here.
schemathesis.openapi.format(
    "cursor", st.builds(lambda _: cursor.encode(Minter(SystemClock()).mint(), DEFAULT_INBOX), st.none())
)
_lines = st.lists(st.sampled_from(["order.paid", "a", "é"]), min_size=1).map(
    lambda types: "".join(f'{{"type":"{name}"}}\n' for name in types)
)
schemathesis.openapi.format("ndjson", _lines)
schemathesis.serializer("application/x-ndjson")(lambda _, lines: lines)


def _complete_document() -> dict[str, Any]:
    """Return the document with all bodies in `content`."""
    document: dict[str, Any] = msgspec.json.decode(DOCUMENT.read_bytes())
    for operation in (operation for item in document["paths"].values() for operation in item.values()):
        if body := operation.get("requestBody"):
            body["content"] |= body.pop(OTHER_CONTENT, {})
    return document


_schema = schemathesis.openapi.from_dict(
    _complete_document(),
    config=SchemathesisConfig.from_dict(
        {"auth": {"openapi": {"bearer": {"bearer": _token}, "header": {"api_key": _token}}}}
    ),
)
_schema.app = _world.app


@_schema.parametrize()
@settings(
    max_examples=int(os.environ.get("EXAMPLES", "10")),
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_app_does_what_its_document_says(case: schemathesis.Case[Any]) -> None:
    _complete(case)
    headers: dict[str, str] = {name.lower(): value for name, value in (case.headers or {}).items()}
    encode = _CODINGS.get(headers.get("content-encoding", ""))
    if encode is None or isinstance(case.body, NotSet):
        case.call_and_validate()
        return
    case.validate_response(case.call(data=encode(_bytes_of(case)), json=None))


def _bytes_of(case: schemathesis.Case[Any]) -> bytes:
    if case.media_type == "application/x-ndjson":
        return str(case.body).encode()
    return case.body if isinstance(case.body, bytes) else msgspec.json.encode(case.body)


def _complete(case: schemathesis.Case[Any]) -> None:
    """Fix dependencies between parameters that a schema can't describe."""
    headers: Any = case.headers
    # They make any content an event's data, which only `*/*` describes.
    if case.media_type is not None and case.media_type not in READERS:
        for name, value in _BINARY.items():
            headers.setdefault(name, value)
    else:
        for name in [name for name in headers if name.lower().startswith("ce-")]:
            del headers[name]
    query = case.query or {}
    if query.get("format") == "zapier":
        for name in ("after", "wait", "count"):
            query.pop(name, None)
    if "after" in query:
        query.pop("inbox", None)  # a cursor belongs to the inbox it comes from
    if case.path.endswith("/seek") and isinstance(case.body, dict) and "after" in case.body:
        query.pop("inbox", None)  # the same
    if str(query.get("wait")).isdecimal() and int(query["wait"]) <= MAX_WAIT_SECONDS:
        query["wait"] = 1  # the same, sooner
    if isinstance(case.body, dict) and case.body.get("wait") in range(1, MAX_WAIT_SECONDS + 1):
        case.body["wait"] = 1  # the same
