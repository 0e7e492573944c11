"""Answers that wait in memory for clients that read slowly: bounded for the process, not for a connection.

An answer counts in full until its last byte has left, since the transport holds on to the whole of it. Past the bound,
large answers are replaced by a 503, and readers that crawl are cut off to make room. Readers that get on are left to
finish: cut off, they would ask for the same page again.
"""

from typing import Protocol

_CRAWL_SECONDS = 5.0
_CRAWL_BYTES_PER_SECOND = 65_536
"""A reader is never cut off sooner than that, nor while it takes more than that: 64 seconds for the largest page."""


class Reader(Protocol):
    """A connection whose answer waits."""

    def unsent_bytes(self) -> int:
        """Return how many bytes the transport still has to hand to the kernel."""

    def cut(self) -> None:
        """Close the connection at once, unsent bytes and all."""


class _Waiting:
    __slots__ = ("first_bytes", "held_bytes", "is_cut", "left_bytes", "moved", "since")

    def __init__(self, held_bytes: int, unsent_bytes: int, now: float) -> None:
        self.held_bytes = held_bytes
        self.first_bytes = self.left_bytes = unsent_bytes
        self.since = self.moved = now
        self.is_cut = False

    def note(self, left_bytes: int, now: float) -> None:
        """Take in how much is still unsent."""
        if left_bytes < self.left_bytes:
            self.left_bytes, self.moved = left_bytes, now

    def crawls(self, now: float) -> bool:
        """Whether its reader had its chance."""
        taken, seconds = self.first_bytes - self.left_bytes, now - self.since
        return seconds >= _CRAWL_SECONDS and taken < _CRAWL_BYTES_PER_SECOND * seconds


class UnsentAnswers:
    """All answers of a process that wait for their readers. `held_bytes` is what they take."""

    def __init__(self, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._waiting: dict[Reader, _Waiting] = {}
        self.held_bytes = 0

    def room_for(self, size_bytes: int, now: float) -> bool:
        """Return whether an answer of this size may be sent now. If not, cut off who crawls: there will be, soon."""
        if not self.held_bytes or self.held_bytes + size_bytes <= self._max_bytes:
            return True
        self._note_progress(now)
        self._cut([reader for reader, it in self._waiting.items() if it.crawls(now)])
        return False

    def add(self, reader: Reader, held_bytes: int, now: float) -> None:
        """Count an answer of `held_bytes` that could not be sent at once."""
        self.discard(reader)
        unsent_bytes = reader.unsent_bytes()
        waiting = self._waiting[reader] = _Waiting(max(held_bytes, unsent_bytes), unsent_bytes, now)
        self.held_bytes += waiting.held_bytes

    def discard(self, reader: Reader) -> None:
        """Stop counting an answer: it was sent, or its connection is gone."""
        waiting = self._waiting.pop(reader, None)
        if waiting is not None:
            self.held_bytes -= waiting.held_bytes

    def cut_stalled(self, now: float) -> None:
        """Cut off the readers that took nothing for `timeout_seconds`."""
        if self._waiting:
            self._note_progress(now)
            self._cut([reader for reader, it in self._waiting.items() if now - it.moved >= self._timeout_seconds])

    def _note_progress(self, now: float) -> None:
        for reader, waiting in self._waiting.items():
            waiting.note(reader.unsent_bytes(), now)

    def _cut(self, readers: list[Reader]) -> None:
        """Cut off readers. What they hold counts until their connection is gone: only then it is free."""
        for reader in readers:
            if not self._waiting[reader].is_cut:
                self._waiting[reader].is_cut = True
                reader.cut()
