"""Compressed requests, over ASGI."""

import gzip
import zlib

import pytest
import zstandard

from shared.model.event import MAX_REQUEST_BYTES
from tests.fakes.app import check_problem
from tests.unit.ingest.serving import World

EVENT = b'{"type":"a","data":"' + b"x" * 5000 + b'"}'


def unsized(plain: bytes) -> bytes:
    """Return a zstd frame without its content size."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(plain) + compressor.flush()


def gzipped(plain: bytes) -> bytes:
    """Return the same bytes whenever it is called, since they name tests."""
    return gzip.compress(plain, mtime=0)


ZSTD = zstandard.ZstdCompressor().compress


def sized(size: int) -> bytes:
    start, end = b'{"type":"a","data":"', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(EVENT)),
        ("GZIP", gzipped(EVENT)),
        ("x-gzip", gzipped(EVENT)),
        ("gzip", gzipped(EVENT[:10]) + gzipped(b"") + gzipped(EVENT[10:])),
        ("zstd", ZSTD(EVENT)),
        ("zstd", unsized(EVENT)),
        ("zstd", ZSTD(EVENT[:10]) + unsized(b"") + ZSTD(EVENT[10:])),
        ("identity", EVENT),
    ],
)
async def test_a_compressed_body_is_read(world: World, coding: str, body: bytes) -> None:
    answer = await world.post(body, content_encoding=coding)
    assert answer.status_code == 202, answer.text
    (event,) = world.queue.events
    assert bytes(event.body).endswith(EVENT[len(b'{"type":"a",') :])


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzipped), ("zstd", ZSTD), ("zstd", unsized)])
async def test_512_kib_are_accepted_and_one_byte_more_is_refused(world: World, coding: str, compress: object) -> None:
    assert callable(compress)
    assert (await world.post(compress(sized(MAX_REQUEST_BYTES)), content_encoding=coding)).status_code == 202
    check_problem(await world.post(compress(sized(MAX_REQUEST_BYTES + 1)), content_encoding=coding), 413)
    check_problem(await world.post(compress(bytes(20_000_000)), content_encoding=coding), 413)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b""),
        ("gzip", EVENT),
        ("gzip", ZSTD(EVENT)),
        ("gzip", gzipped(EVENT)[:-1]),
        ("gzip", gzipped(EVENT)[:30]),
        ("gzip", gzipped(EVENT) + b"more"),
        ("gzip", gzipped(EVENT)[:-8] + bytes(8)),  # another checksum
        ("gzip", gzipped(b"") * 101),
        ("gzip", zlib.compress(EVENT)),
        ("zstd", b""),
        ("zstd", EVENT),
        ("zstd", gzipped(EVENT)),
        ("zstd", ZSTD(EVENT)[:-1]),
        ("zstd", unsized(EVENT)[:-1]),
        ("zstd", ZSTD(EVENT) + b"more"),
        ("zstd", ZSTD(b"") * 101),
    ],
)
async def test_a_body_that_does_not_match_its_coding_is_refused(world: World, coding: str, body: bytes) -> None:
    problem = check_problem(await world.post(body, content_encoding=coding), 400)
    assert "Content-Encoding" in problem["detail"]
    assert not world.queue.events


async def test_a_window_larger_than_the_coding_allows_is_refused(world: World) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = compressor.compress(EVENT) + compressor.flush()
    check_problem(await world.post(body, content_encoding="zstd"), 400)


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd,gzip", "", "gzip;q=1"])
async def test_another_coding_is_415_with_the_supported_ones(world: World, coding: str) -> None:
    answer = await world.post(EVENT, content_encoding=coding)
    problem = check_problem(answer, 415)
    assert "Content-Encoding" in problem["detail"]
    assert answer.headers["accept-encoding"] == "gzip, zstd"
    assert "accept-post" not in answer.headers
