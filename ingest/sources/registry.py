"""Caches sources and their decrypted secrets for `cache_seconds`.

Disabling a source or removing a secret takes effect within `cache_seconds`. A new secret or URL works sooner: after a
delivery that can't be verified, its source is read again, at most once in `REREAD_SECONDS`. While the table does not
respond, a cached source stays in use for `STALE_SECONDS`: losing deliveries is worse than a late change.
"""

import asyncio
from contextlib import suppress
from typing import TypeVar

from ingest.sources.receive import Receiver
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.secrets import context_of
from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.model import source as sources
from shared.model.errors import InvalidRequest, NotAuthentic, Poison, Unavailable
from shared.model.source import SealedSecret, Source
from shared.source_ports import SecretBox, SourceReader

T = TypeVar("T")

MAX_ENTRIES = 10_000
"""Of known and of unknown ids each; beyond this number the oldest is dropped."""

REREAD_SECONDS = 2
STALE_SECONDS = 300

_UNKNOWN_SECONDS = 5
"""Short, since the source may have been created in the meantime."""
_RETRY_SECONDS = 2
_READ_SECONDS = 2


class _Entry:
    """A cached source. Times are milliseconds of the monotonic clock."""

    __slots__ = ("fresh_until_ms", "opened", "read_at_ms", "receiver", "stale_until_ms")

    def __init__(self, receiver: Receiver, opened: dict[SealedSecret, bytes]) -> None:
        self.receiver = receiver
        self.opened = opened
        self.read_at_ms = 0
        self.fresh_until_ms = 0
        self.stale_until_ms = 0


class SourceRegistry:
    """Finds receivers by the token of a URL. One per process; not thread-safe."""

    def __init__(self, reader: SourceReader, box: SecretBox, clock: Clock, *, cache_seconds: int) -> None:
        self._reader = reader
        self._box = box
        self._clock = clock
        self._cache_ms = cache_seconds * 1000
        self._entries: dict[str, _Entry] = {}
        self._unknown: dict[str, int] = {}
        self._reads: SingleFlight[str, _Entry | None] = SingleFlight()

    async def find(self, token: str) -> Receiver:
        """Return the receiver of the source whose URL contains `token`.

        Raises `NotAuthentic` if there is none, and `Unavailable` if the table or the key service does not respond and
        the source is not cached.
        """
        parts = sources.parse(token)
        entry = await self._entry(parts[0]) if parts else None
        if parts is None or entry is None:
            raise NotAuthentic("unknown")
        if entry.receiver.source.has_url_secret(parts[1]):
            return entry.receiver
        newer = await self.find_newer(entry.receiver)
        if newer is None or not newer.source.has_url_secret(parts[1]):
            raise NotAuthentic("unknown")
        return newer

    async def find_newer(self, receiver: Receiver) -> Receiver | None:
        """Return the receiver of the same source if its record has changed, None otherwise."""
        source_id = receiver.source.source_id
        entry = self._entries.get(source_id)
        if entry is not None and self._clock.monotonic_ms() - entry.read_at_ms >= REREAD_SECONDS * 1000:
            with suppress(Unavailable):
                entry = await self._reads.run(source_id, lambda: self._read(source_id))
        return None if entry is None or entry.receiver is receiver else entry.receiver

    async def aclose(self) -> None:
        """Cancel reads in progress."""
        await self._reads.aclose()

    async def _entry(self, source_id: str) -> _Entry | None:
        now_ms = self._clock.monotonic_ms()
        entry = self._entries.get(source_id)
        if entry is not None and now_ms < entry.fresh_until_ms:
            return entry
        if now_ms < self._unknown.get(source_id, 0):
            return None
        return await self._reads.run(source_id, lambda: self._read(source_id))

    async def _read(self, source_id: str) -> _Entry | None:
        old = self._entries.get(source_id)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                source = await self._reader.get(source_id)
                entry = None if source is None else await self._entry_of(source, old)
        except (Unavailable, TimeoutError) as error:
            return self._stale(old, error)
        now_ms = self._clock.monotonic_ms()
        self._entries.pop(source_id, None)
        self._unknown.pop(source_id, None)
        if entry is None:
            _put(self._unknown, source_id, now_ms + _UNKNOWN_SECONDS * 1000)
            return None
        entry.read_at_ms = now_ms
        entry.fresh_until_ms = now_ms + self._cache_ms
        entry.stale_until_ms = now_ms + STALE_SECONDS * 1000
        _put(self._entries, source_id, entry)
        return entry

    def _stale(self, entry: _Entry | None, error: Exception) -> _Entry:
        now_ms = self._clock.monotonic_ms()
        if entry is None or now_ms >= entry.stale_until_ms:
            raise Unavailable(f"the table of sources does not respond: {error}") from error
        entry.read_at_ms = now_ms
        entry.fresh_until_ms = now_ms + _RETRY_SECONDS * 1000
        return entry

    async def _entry_of(self, source: Source, old: _Entry | None) -> _Entry:
        """Return an entry for `source`; reuse everything that has not changed since `old`."""
        if old is not None and old.receiver.source == source:
            return old
        known = old.opened if old is not None else {}
        context = context_of(source)
        try:
            opened = {
                secret: known.get(secret) or await self._box.open(secret.sealed, context) for secret in source.secrets
            }
            scheme = scheme_of(source.scheme, list(opened.values()), source.options)
        except (Poison, InvalidRequest) as error:
            # Not the sender's fault: it must retry, and the operator must see it.
            raise Unavailable(f"the secrets of source {source.source_id} can't be used: {error}") from error
        return _Entry(Receiver(source, scheme), opened)


def _put(table: dict[str, T], name: str, value: T) -> None:
    if len(table) >= MAX_ENTRIES:
        del table[next(iter(table))]
    table[name] = value
