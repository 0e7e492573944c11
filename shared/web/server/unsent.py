"""Answers that wait in memory for clients that read slowly: bounded for the process, not for a connection.

An answer counts in full until its last byte has left: the transport holds on to the whole of it. So a hundred clients
that each leave a page of 4 MiB unread cost what `max_unsent_bytes` allows. Past that, the slowest are cut off.
"""

from typing import Protocol

_CREDIT_BYTES = 65_536
_CREDIT_SECONDS = 0.1
"""A new answer ranks like one that is read at 640 KiB a second, and falls with time. So a burst of pages cuts off the
oldest of them that nobody reads, not those that have just begun."""


class Reader(Protocol):
    """A connection whose answer waits."""

    def unsent_bytes(self) -> int:
        """Return how many bytes the transport still has to hand to the kernel."""

    def cut(self) -> None:
        """Close the connection at once, unsent bytes and all."""


class _Waiting:
    __slots__ = ("held_bytes", "left_bytes", "moved", "since", "unsent_bytes")

    def __init__(self, held_bytes: int, unsent_bytes: int, now: float) -> None:
        self.held_bytes = held_bytes
        self.unsent_bytes = self.left_bytes = unsent_bytes
        self.since = self.moved = now

    def note(self, left_bytes: int, now: float) -> None:
        """Take in how much is still unsent."""
        if left_bytes < self.left_bytes:
            self.left_bytes, self.moved = left_bytes, now

    def speed(self, now: float) -> float:
        """Return bytes a second, as ranked."""
        return (self.unsent_bytes - self.left_bytes + _CREDIT_BYTES) / (now - self.since + _CREDIT_SECONDS)


class UnsentAnswers:
    """All answers of a process that wait for their readers."""

    def __init__(self, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._waiting: dict[Reader, _Waiting] = {}
        self.held_bytes = 0

    def add(self, reader: Reader, held_bytes: int, now: float) -> None:
        """Count an answer of `held_bytes`; cut off the slowest readers if that is too much."""
        self.discard(reader)
        unsent = reader.unsent_bytes()
        self._waiting[reader] = _Waiting(max(held_bytes, unsent), unsent, now)
        self.held_bytes += max(held_bytes, unsent)
        if self.held_bytes > self._max_bytes:
            self._note_progress(now)
            while self.held_bytes > self._max_bytes:
                self._cut(min(self._waiting, key=lambda other: self._waiting[other].speed(now)))

    def discard(self, reader: Reader) -> None:
        """Stop counting an answer: it was sent, or its connection is gone."""
        waiting = self._waiting.pop(reader, None)
        if waiting is not None:
            self.held_bytes -= waiting.held_bytes

    def cut_stalled(self, now: float) -> None:
        """Cut off the readers that took nothing for `timeout_seconds`."""
        self._note_progress(now)
        stalled = [reader for reader, it in self._waiting.items() if now - it.moved >= self._timeout_seconds]
        for reader in stalled:
            self._cut(reader)

    def _note_progress(self, now: float) -> None:
        for reader, waiting in self._waiting.items():
            waiting.note(reader.unsent_bytes(), now)

    def _cut(self, reader: Reader) -> None:
        self.discard(reader)
        reader.cut()
