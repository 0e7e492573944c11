"""zstd compression for the queue and the store: level 1, with bounded decompression, thread-safe.

Level 1 reduces a real webhook of 10 KB from 10.7 DynamoDB write units to 2.2, for 25 µs of CPU.
"""

import threading

import zstandard

MAX_EXPANDED_BYTES = 16 * 1024 * 1024
"""Far more than one request of 512 KiB can expand to, far less than a decompression bomb."""

_LEVEL = 1


class BrokenFrame(ValueError):
    """Not a frame from `zstd_frame`, or one that declares too large a size."""


class _Contexts(threading.local):
    """One pair of zstd contexts per thread: sharing a context corrupts memory, and creating one costs 15 µs."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def zstd_frame(data: bytes) -> bytes:
    """Compress `data` to a zstd frame."""
    return _contexts.compressor.compress(data)


def from_zstd_frame(frame: bytes) -> bytes:
    """Return the data in a frame from `zstd_frame`; raise `BrokenFrame` if the frame is invalid."""
    try:
        # zstandard allocates the size that a frame declares and ignores `max_output_size`. Our frames all declare one.
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= MAX_EXPANDED_BYTES:
            raise BrokenFrame(f"a zstd frame declares {size:,} bytes")
        return _contexts.decompressor.decompress(frame)
    except zstandard.ZstdError as error:
        raise BrokenFrame(f"unreadable zstd frame: {error}") from None


def compress(body: bytes) -> bytes:
    """Return `body`, a JSON object, as a zstd frame if that is smaller, else unchanged.

    A JSON object never begins like a zstd frame, so `is_compressed` can distinguish the two.
    """
    frame = zstd_frame(body)
    return frame if len(frame) < len(body) else body


def expand(stored: bytes) -> bytes:
    """Undo `compress`; raise `BrokenFrame` if the frame is invalid."""
    return from_zstd_frame(stored) if is_compressed(stored) else stored


def is_compressed(stored: bytes) -> bool:
    """Return whether `stored` is a zstd frame. JSON never begins like one, nor is one ever UTF-8."""
    return stored.startswith(zstandard.FRAME_HEADER)
