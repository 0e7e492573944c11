"""Responses: tags and encodings. The handler tests cover them over HTTP."""

import random

import pytest
from litestar import Response

from worker.reading.responses import COMPRESSED_BYTES, ResponsePreferences, answer, preferences_of

NOISE = random.Random(1).randbytes(COMPRESSED_BYTES * 2)  # noqa: S311 - the same every time


async def answered(body: bytes, accept_encoding: str = "", if_none_match: str = "") -> Response[bytes]:
    return await answer(
        body, "application/json", ResponsePreferences("", accept_encoding, if_none_match), {"Link": "<x>"}
    )


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
async def test_an_incompressible_body_is_sent_unchanged(encoding: str) -> None:
    response = await answered(NOISE, encoding)
    assert response.content == NOISE
    assert "Content-Encoding" not in response.headers
    assert response.headers["Link"] == "<x>"


@pytest.mark.parametrize(("size", "encoded"), [(COMPRESSED_BYTES, False), (COMPRESSED_BYTES + 1, True)])
async def test_only_long_bodies_are_compressed(size: int, encoded: bool) -> None:  # noqa: FBT001 - a parameter
    response = await answered(b"x" * size, "gzip")
    assert ("Content-Encoding" in response.headers) == encoded


async def test_a_tag_depends_on_the_bytes_not_on_their_encoding() -> None:
    tags = {(await answered(b"x" * 2000, encoding)).headers["ETag"] for encoding in ("", "gzip", "zstd")}
    assert len(tags) == 1
    assert (await answered(b"y" * 2000)).headers["ETag"] not in tags


async def test_a_304_keeps_the_headers() -> None:
    tag = (await answered(b"x")).headers["ETag"]
    response = await answered(b"x", if_none_match=f'W/"else",{tag}')
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["Link"] == "<x>"
    assert (await answered(b"x", if_none_match='"else"')).content == b"x"


def test_repeated_headers_are_joined() -> None:
    headers = [(b"accept", b"a/b"), (b"if-none-match", b'"1"'), (b"accept", b"c/d"), (b"host", b"h")]
    assert preferences_of({"headers": headers}) == ResponsePreferences("a/b,c/d", "", '"1"')  # type: ignore[arg-type]
