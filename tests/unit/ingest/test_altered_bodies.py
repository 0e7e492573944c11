"""Bodies that API Gateway hands to the function altered are refused, never stored."""

import asyncio
import base64
import gzip
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from ingest.app import create_app
from shared.model.api_key import EVENTS_WRITE
from shared.web.aws_lambda import LambdaApp
from tests.fakes.app import AppWorld

EVENT = b'{"type":"t","data":{"name":"M\xc3\xbcller"}}'
Post = Callable[..., dict[str, Any]]


@pytest.fixture
def world() -> AppWorld:
    return AppWorld(create_app)


@pytest.fixture
def post(world: AppWorld) -> Iterator[Post]:
    """Post a body as an HTTP API hands it over: JSON and text as text, with U+FFFD for what is not UTF-8."""
    token = asyncio.run(world.token(scopes=[EVENTS_WRITE]))
    function = LambdaApp(world.app)

    def post(body: bytes, content_type: str = "application/json", **headers: str) -> dict[str, Any]:
        is_text = content_type.startswith(("application/json", "text/"))
        return function(
            {
                "version": "2.0",
                "rawPath": "/v1/events",
                "headers": {
                    "authorization": f"Bearer {token}",
                    "content-type": content_type,
                    **{name.replace("_", "-"): value for name, value in headers.items()},
                },
                "requestContext": {"http": {"method": "POST", "path": "/v1/events", "sourceIp": "127.0.0.1"}},
                "body": body.decode(errors="replace") if is_text else base64.b64encode(body).decode(),
                "isBase64Encoded": not is_text,
            },
            None,
        )

    yield post
    function.close()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(EVENT, mtime=0), {"content_encoding": "gzip"}),
        (b"anything", {"content_encoding": "zstd"}),
        (EVENT.decode().encode("latin-1"), {}),
        (b"M\xfcller", {"content_type": "text/plain", "ce_type": "t"}),
    ],
)
def test_a_body_that_may_be_altered_is_refused(
    world: AppWorld, post: Post, body: bytes, headers: dict[str, str]
) -> None:
    answer = post(body, **headers)
    problem = msgspec.json.decode(answer["body"])
    assert (answer["statusCode"], problem["type"]) == (415, "urn:triggers:problem:unsupported-media-type")
    assert "application/x-ndjson" in problem["detail"]
    assert "data_base64" in problem["detail"]
    assert answer["headers"]["accept-post"] == "application/x-ndjson"
    assert world.queue.events == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (EVENT, {}),
        (EVENT, {"content_encoding": "identity"}),
        (gzip.compress(EVENT + b"\n", mtime=0), {"content_encoding": "gzip", "content_type": "application/x-ndjson"}),
        (b'{"type":"t","data":{"name":"M\\u00fcller"}}', {}),
    ],
)
def test_a_body_that_arrives_as_it_was_sent_is_stored(
    world: AppWorld, post: Post, body: bytes, headers: dict[str, str]
) -> None:
    assert post(body, **headers)["statusCode"] == 202
    [event] = world.queue.events
    assert msgspec.json.decode(event.body)["data"] == {"name": "Müller"}


def test_a_refused_body_counts_as_a_request_of_a_known_key(post: Post) -> None:
    answer = post(gzip.compress(EVENT), authorization="Bearer trg_unknown_secretsecretsecret", content_encoding="gzip")
    assert answer["statusCode"] == 401
