"""Reads the content of a request: its body, limited in size, and decompressed according to Content-Encoding."""

import zlib
from collections.abc import Callable, Mapping

import zstandard
from litestar.types import Receive, Scope

from shared.model.errors import InvalidRequest, TooLarge, UnsupportedMedia
from shared.model.event import MAX_REQUEST_BYTES
from shared.web.body import read_body
from shared.web.context import context_of

CODINGS = ("gzip", "zstd")

_GZIP_BITS = 31
"""zlib's number for gzip's header and trailer around the largest window."""

_MAX_WINDOW_BYTES = 8 * 1024 * 1024
"""RFC 9659: decoders must support this window, and encoders must not require a larger one."""

_MAX_PIECES = 100
"""Limit on gzip members or zstd frames: parallel compressors write several, but each costs a copy of the rest."""


async def read_content(scope: Scope, receive: Receive) -> bytes:
    """Return the decompressed body: at most `MAX_REQUEST_BYTES` as received, and again after decompression.

    Raises `UnsupportedMedia` for a Content-Encoding other than gzip or zstd, or more than one; `TooLarge` (nothing is
    decompressed beyond the limit); `InvalidRequest` if the body is corrupt; and what `read_body` raises.
    """
    coding = context_of(scope).headers.get(b"content-encoding")
    if coding is None:
        return await read_body(scope, receive, MAX_REQUEST_BYTES)
    inflate = _inflater(coding)
    body = await read_body(scope, receive, MAX_REQUEST_BYTES)
    try:
        return inflate(body, MAX_REQUEST_BYTES)
    except (zlib.error, zstandard.ZstdError, EOFError):
        raise InvalidRequest("The body does not match its Content-Encoding, or is corrupt or truncated.") from None


def _inflater(coding: bytes) -> Callable[[bytes, int], bytes]:
    name = coding.decode("latin-1").strip().lower()
    if "," in name:
        raise UnsupportedMedia("The body may have only one Content-Encoding.", codings=CODINGS)
    if name not in _INFLATE:
        raise UnsupportedMedia(f"The Content-Encoding must be one of: {', '.join(CODINGS)}.", codings=CODINGS)
    return _INFLATE[name]


def _plain(body: bytes, _: int) -> bytes:
    return body


def _gunzip(body: bytes, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    room = limit_bytes + 1
    for _ in range(_MAX_PIECES):
        member = zlib.decompressobj(_GZIP_BITS)
        parts.append(member.decompress(body, room))
        room -= len(parts[-1])
        if not room:  # to zlib, 0 would mean no limit
            raise TooLarge(limit_bytes)
        if not member.eof:
            raise EOFError
        body = member.unused_data
        if not body:
            return b"".join(parts)
    raise EOFError


def _unzstd(body: bytes, limit_bytes: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    # `stream_reader` limits the output but does not report whether the end was reached; `decompressobj` has no limit.
    with decompressor.stream_reader(body, read_across_frames=True) as reader:
        plain = reader.read(limit_bytes + 1)
    if len(plain) > limit_bytes:
        raise TooLarge(limit_bytes)
    for _ in range(_MAX_PIECES):
        frame = decompressor.decompressobj()
        frame.decompress(body)
        if not frame.eof:
            raise EOFError
        body = frame.unused_data
        if not body:
            return plain
    raise EOFError


# `x-gzip` is gzip's old name; `identity` should not be sent, but means the same as no header.
_INFLATE: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "zstd": _unzstd,
    "identity": _plain,
}
