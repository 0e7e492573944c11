from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import aiohttp
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from shared.aws.s3 import S3Bodies
from shared.compression import BrokenFrame, compress, expand
from shared.model.errors import NotFound, Unavailable, Unclear
from shared.model.records import body_key
from tests.unit.shared.aws.scripted import ScriptedClient, client_error

_BODY = b'{"specversion":"1.0","data":{' + b'"name":"value",' * 50 + b'"last":0}}'


@given(st.binary())
def test_expand_undoes_compress(body: bytes) -> None:
    # No JSON begins like a zstd frame; bytes that do are the one thing that compress may not be given.
    if not body.startswith(zstandard.FRAME_HEADER):
        assert expand(compress(body)) == body


def test_a_body_is_compressed_where_that_is_smaller() -> None:
    assert compress(_BODY).startswith(zstandard.FRAME_HEADER)
    assert len(compress(_BODY)) < len(_BODY) / 5
    assert compress(b"{}") == b"{}"
    assert compress(b"") == b""


def test_bodies_are_compressed_and_expanded_in_threads() -> None:
    bodies = [_BODY * 50 + str(number).encode() for number in range(200)]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda body: expand(compress(body)), bodies)) == bodies


@pytest.mark.parametrize(
    "stored",
    [
        zstandard.FRAME_HEADER,
        compress(_BODY)[:-5],
        compress(_BODY)[:20] + b"\xff" * 40,
        zstandard.ZstdCompressor().compress(b"\0" * (16 * 1024 * 1024 + 1)),
        zstandard.ZstdCompressor(write_content_size=False).compress(_BODY),
    ],
    ids=["header alone", "cut off", "garbled", "bomb", "unknown size"],
)
def test_a_broken_frame_is_refused(stored: bytes) -> None:
    with pytest.raises(BrokenFrame):
        expand(stored)


def test_a_body_is_found_under_its_tenant_and_receipt() -> None:
    assert body_key("acme", "0190") == "bodies/acme/0190"


@pytest.mark.parametrize(
    ("tenant", "part"),
    [("a/b", "a%2Fb"), ("a%2Fb", "a%252Fb"), ("..", "%2E%2E"), ("a b?#", "a%20b%3F%23"), ("ü", "%C3%BC")],
)
def test_a_tenant_can_not_leave_its_part_of_the_bucket(tenant: str, part: str) -> None:
    assert body_key(tenant, "r") == f"bodies/{part}/r"


def test_the_longest_tenant_makes_a_key_that_s3_takes() -> None:
    assert len(body_key("\U0001f600" * 64, "0" * 36)) <= 1024


class BrokenStream:
    """A body whose connection breaks while it is read."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def read(self) -> bytes:
        raise aiohttp.ClientPayloadError


def _bodies(*answers: object) -> S3Bodies:
    client: Any = ScriptedClient(*answers)
    return S3Bodies(client, "bucket")


@pytest.mark.parametrize(
    ("answer", "ours"),
    [
        (client_error("NoSuchKey", 404), NotFound),
        (client_error("NoSuchBucket", 404), Unavailable),
        (client_error("InternalError", 500), Unavailable),
        ({"Body": BrokenStream()}, Unavailable),
    ],
    ids=["no key", "no bucket", "failed", "broken off"],
)
async def test_a_body_that_can_not_be_read_is_missing_or_unavailable(answer: object, ours: type[Exception]) -> None:
    with pytest.raises(ours):
        await _bodies(answer).get("key")


@pytest.mark.parametrize(
    ("error", "ours"), [(client_error("SlowDown", 503), Unavailable), (client_error("InternalError", 500), Unclear)]
)
async def test_a_put_and_a_delete_may_be_unclear(error: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours):
        await _bodies(error).put("key", b"{}")
    with pytest.raises(ours):
        await _bodies(error).delete("key")
