"""Positions and receipts: UUIDv7 (RFC 9562) in canonical text, so that they sort by time.

The values of a `Minter` strictly increase, so the events of one pack keep their order. Within one millisecond it
increments the 12 bits of `rand_a` (RFC 9562, 6.2, method 1); the other 62 bits are random.
"""

import os
from collections.abc import Callable

from shared.clock import Clock

PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
"""The regular expression of a position, for documentation."""

_COUNTER_LIMIT = 1 << 12
_VERSION_BITS, _VERSION = 0xF << 76, 0x7 << 76
_VARIANT_BITS, _VARIANT = 0x3 << 62, 0x2 << 62
# A byte, with its two high bits replaced by those of the variant, 10.
_WITH_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))
_COUNTERS = [f"{counter:03x}-" for counter in range(_COUNTER_LIMIT)]  # a lookup takes a quarter of the time of format
_LENGTH = 36
# If the clock is set back by more than this, the minter follows; by less, it stays ahead until the clock catches up.
_MAX_LEAD_MS = 100
_RANDOM_BYTES = 8  # of a position
_NODE_BYTES = 6  # after the last hyphen
_POOL = 128  # positions whose random parts are made at once: a system call for each took half of the time of `mint`

FIRST = "00000000-0000-7000-8000-000000000000"
"""Smaller than every minted position."""

LAST = "ffffffff-ffff-7fff-bfff-ffffffffffff"
"""Greater than every minted position."""


class Minter:
    """Generates UUIDv7s in increasing order. Not thread-safe; one per process is enough."""

    def __init__(self, clock: Clock, *, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last_ms = -1
        self._counter = 0
        self._prefix = ""
        self._random_parts: list[str] = []

    def mint(self) -> str:
        """Return a new UUIDv7, greater than all previous ones unless the clock was set back by more than 100 ms."""
        now_ms = self._clock.wall_ms()
        if now_ms > self._last_ms or now_ms < self._last_ms - _MAX_LEAD_MS:
            self._begin(now_ms)
        else:
            self._counter += 1
            if self._counter == _COUNTER_LIMIT:
                self._begin(self._last_ms + 1)
        if not self._random_parts:
            self._make_random_parts()
        # Joined as text: formatting and slicing one 128-bit number takes four times as long.
        return f"{self._prefix}{_COUNTERS[self._counter]}{self._random_parts.pop()}"

    def _begin(self, time_ms: int) -> None:
        """Start the millisecond `time_ms`."""
        self._last_ms, self._counter = time_ms, 0
        digits = f"{time_ms:012x}"
        self._prefix = f"{digits[:8]}-{digits[8:]}-7"

    def _make_random_parts(self) -> None:
        pool = bytearray(self._random_bytes(_RANDOM_BYTES * _POOL))
        pool[::_RANDOM_BYTES] = pool[::_RANDOM_BYTES].translate(_WITH_VARIANT)
        self._random_parts = [
            pool[start : start + _RANDOM_BYTES].hex("-", _NODE_BYTES) for start in range(0, len(pool), _RANDOM_BYTES)
        ]


def time_of(position: str) -> int:
    """Return the milliseconds since the epoch at which `position` was minted."""
    return int(position[:8] + position[9:13], 16)


def floor_of(time_ms: int) -> str:
    """Return the smallest position of the millisecond `time_ms`: every position minted before that time is smaller."""
    return _text(time_ms << 80 | _VERSION | _VARIANT)


def blurred(position: str) -> str:
    """Return the smallest position with the time and counter of `position`; it reveals none of the random bits."""
    return f"{position[:19]}8000-000000000000"


def shard_of(position: str, shards: int) -> int:
    """Return the inbox shard that holds `position`: its last byte modulo `shards`."""
    return int(position[-2:], 16) % shards


def successor(position: str) -> str:
    """Return the smallest text of this form above `position`: an exclusive bound that includes it."""
    return _text(int(position.replace("-", ""), 16) + 1)


def is_position(text: str) -> bool:
    """Return whether `text` is a canonical UUIDv7."""
    try:
        number = int(text.replace("-", ""), 16)
    except ValueError:
        return False
    fields = number & (_VERSION_BITS | _VARIANT_BITS)
    return fields == _VERSION | _VARIANT and len(text) == _LENGTH and _text(number) == text


def to_bytes(position: str) -> bytes:
    """Return the 16 bytes of `position`."""
    return bytes.fromhex(position.replace("-", ""))


def from_bytes(raw: bytes) -> str:
    """Return the canonical text of 16 bytes, the inverse of `to_bytes`."""
    return _text(int.from_bytes(raw))


def _text(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
