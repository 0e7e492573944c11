"""Verifies API keys, in microseconds once a key is known to the process.

bcrypt is slow (1 ms at the default cost, 50 ms at 10, which older keys have), so it runs once per key and process, in a
thread, at most two at a time.
After that, SHA-256 digests are compared in constant time: the digest never leaves the process, and a secret of 256
random bits can't be recovered from it. The record is read again every `cache_seconds`, so a revoked key stops working
within that time; expiry is checked on every use.

Wrong secrets can't exhaust the CPU: once the correct secret is known, all others fail without bcrypt; before that, a
key id gets a few attempts, then one more every `_SECONDS_PER_TRY` seconds. Key ids are not secret, so an attacker who
has one can delay its *first* use in a process this way, but never a key already in use there.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable

import bcrypt

from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.containers import BoundedDict
from shared.key_ports import KeyStore
from shared.model import api_key
from shared.model.api_key import ApiKey
from shared.model.errors import RateLimited, Unauthorized, Unavailable, Unclear

logger = logging.getLogger("triggers.keys")

MAX_ENTRIES = 10_000
"""Maximum number of cached key ids, known and unknown ones each; beyond it the one read longest ago is evicted."""

STALE_SECONDS = 300
"""A known key keeps working this long while its record can't be read. Accepting events matters more than the small
chance that the key was just revoked; the limit ensures that an unreachable table can't undo a revocation forever."""

_UNKNOWN_SECONDS = 5
"""How long an unknown key id is cached; short, since the key may be created at the same time."""
_USE_SECONDS = 3600
"""Interval between records of a key's use, and between attempts to record it in one process."""
_RETRY_SECONDS = 2
"""Delay before the record is read again after a failed refresh."""
_READ_SECONDS = 2
_MAX_BCRYPTS = 2
_FREE_TRIES = 5
_SECONDS_PER_TRY = 10
_MAX_WRONG = 16
_LONG_AGO_MS = -(1 << 62)  # the monotonic clock may have started just now

_INVALID = "The API key is not valid."


class _Entry:
    """The cached state of one key id. Times are milliseconds of the monotonic clock."""

    __slots__ = ("digest", "fresh_until_ms", "key", "next_try_ms", "note_use_ms", "stale_until_ms", "wrong")

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.digest: bytes | None = None
        self.fresh_until_ms = 0
        self.stale_until_ms = 0
        self.next_try_ms = _LONG_AGO_MS
        self.note_use_ms = _LONG_AGO_MS
        self.wrong = BoundedDict[bytes, None](_MAX_WRONG)


class KeyVerifier:
    """Verifies tokens against a `KeyStore`. One per process; not thread-safe."""

    def __init__(
        self,
        reader: KeyStore,
        clock: Clock,
        *,
        cache_seconds: int,
        check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._cache_ms = cache_seconds * 1000
        self._check = check
        self._entries = BoundedDict[str, _Entry](MAX_ENTRIES)
        self._unknown = BoundedDict[str, int](MAX_ENTRIES)
        self._reads: SingleFlight[str, _Entry | None] = SingleFlight()
        self._checks: SingleFlight[tuple[str, bytes], bool] = SingleFlight()
        self._uses: SingleFlight[str, None] = SingleFlight()
        self._bcrypts = asyncio.Semaphore(_MAX_BCRYPTS)

    def known(self, token: str) -> ApiKey | None:
        """Return the key of `token` if it is verified and was read recently; None means that `verify` must decide."""
        parts = api_key.parse(token)
        if parts is None or (entry := self._entries.get(parts[0])) is None or entry.digest is None:
            return None
        if self._clock.monotonic_ms() >= entry.fresh_until_ms:
            return None
        if not hmac.compare_digest(hashlib.sha256(parts[1]).digest(), entry.digest):
            return None
        return None if entry.key.lapsed(self._clock.wall_ms()) else entry.key

    async def verify(self, token: str) -> ApiKey:
        """Return the key of `token`.

        Raises `Unauthorized` if the token is invalid, revoked or expired, `RateLimited` after too many wrong secrets,
        and `Unavailable` if the table does not respond and the key was not read recently.
        """
        parts = api_key.parse(token)
        entry = await self._entry(parts[0]) if parts else None
        if parts is None or entry is None:
            raise Unauthorized(_INVALID)
        digest = hashlib.sha256(parts[1]).digest()
        if entry.digest is None and not await self._first_use(entry, parts[1], digest):
            raise Unauthorized(_INVALID)
        if entry.digest is None or not hmac.compare_digest(digest, entry.digest):
            raise Unauthorized(_INVALID)
        if reason := entry.key.lapsed(self._clock.wall_ms()):
            raise Unauthorized(reason)
        self._note_use(entry)
        return entry.key

    async def aclose(self) -> None:
        """Cancel the reads, checks and writes in progress."""
        await self._reads.aclose()
        await self._checks.aclose()
        await self._uses.aclose()

    async def _entry(self, key_id: str) -> _Entry | None:
        """Return the entry of `key_id`, read at most `cache_seconds` ago; concurrent requests share one read."""
        now_ms = self._clock.monotonic_ms()
        entry = self._entries.get(key_id)
        if entry is not None and now_ms < entry.fresh_until_ms:
            return entry
        if now_ms < self._unknown.get(key_id, 0):
            return None
        return await self._reads.run(key_id, lambda: self._read(key_id))

    async def _read(self, key_id: str) -> _Entry | None:
        entry = self._entries.get(key_id)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                key = await self._reader.get(key_id)
        except (Unavailable, TimeoutError) as error:
            now_ms = self._clock.monotonic_ms()
            if entry is None or now_ms >= entry.stale_until_ms:
                raise Unavailable(f"the key table does not respond: {error}") from error
            entry.fresh_until_ms = now_ms + _RETRY_SECONDS * 1000
            return entry
        now_ms = self._clock.monotonic_ms()
        self._entries.pop(key_id, None)
        self._unknown.pop(key_id, None)
        if key is None:
            self._unknown[key_id] = now_ms + _UNKNOWN_SECONDS * 1000
            return None
        if entry is None or entry.key.secret_hash != key.secret_hash:
            entry = _Entry(key)
        entry.key = key
        entry.fresh_until_ms = now_ms + self._cache_ms
        entry.stale_until_ms = now_ms + STALE_SECONDS * 1000
        self._entries[key_id] = entry
        return entry

    async def _first_use(self, entry: _Entry, secret: bytes, digest: bytes) -> bool:
        """Check a secret with bcrypt, unless it is known to be wrong; requests with the same secret share one check."""
        if digest in entry.wrong:
            return False
        name = (entry.key.key_id, digest)
        if not self._checks.is_running(name):
            self._count_try(entry)
        return await self._checks.run(name, lambda: self._bcrypt(entry, secret, digest))

    def _count_try(self, entry: _Entry) -> None:
        """Allow a few attempts at once, then one every `_SECONDS_PER_TRY` seconds; raise `RateLimited` past that."""
        now_ms = self._clock.monotonic_ms()
        try_ms = _SECONDS_PER_TRY * 1000
        next_try_ms = max(entry.next_try_ms, now_ms - (_FREE_TRIES - 1) * try_ms)
        if next_try_ms > now_ms:
            raise RateLimited("Too many wrong secrets for this API key.", (next_try_ms - now_ms) / 1000)
        entry.next_try_ms = next_try_ms + try_ms

    async def _bcrypt(self, entry: _Entry, secret: bytes, digest: bytes) -> bool:
        async with self._bcrypts:
            right = await asyncio.to_thread(self._check, secret, entry.key.secret_hash.encode())
        if right:
            entry.digest = digest
            entry.wrong.clear()
        else:
            entry.wrong[digest] = None
        return right

    def _note_use(self, entry: _Entry) -> None:
        """Record the use in the background, unless one of the last hour is recorded.

        Calling this from `verify` alone suffices: every `cache_seconds`, a key has to be verified again.
        """
        now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
        if now_ms < entry.note_use_ms or wall_ms - (entry.key.last_used_at or 0) < _USE_SECONDS * 1000:
            return
        entry.note_use_ms = now_ms + _USE_SECONDS * 1000
        self._uses.start(entry.key.key_id, lambda: self._record_use(entry.key.key_id, wall_ms))

    async def _record_use(self, key_id: str, used_at: int) -> None:
        try:
            await self._reader.record_use(key_id, used_at)
        except (Unavailable, Unclear) as error:
            logger.warning("the use of a key was not recorded", extra={"key_id": key_id, "error": str(error)})
