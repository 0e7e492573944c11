"""The key ring: tells whom a request comes from, at microseconds once a key is known to this process.

bcrypt is meant to be slow (70 ms and up), so it runs once per key and process, in a thread, two at most at a time.
After that the ring compares SHA-256 digests in constant time: the digest never leaves the process, and a secret
of 256 random bits can't be found from it. The record is read again every `cache_seconds`, so a key that was
revoked stops working within that time; expiry is checked at every use.

Wrong secrets buy no CPU: once the right secret is known any other one is wrong without bcrypt, and before that
a key id gets a few tries, then one more every `_SECONDS_PER_TRY` seconds. Key ids are no secret, so somebody who
knows one can hold up its *first* use in a process this way, never a key already in use there.
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
from shared.model import api_key
from shared.model.api_key import ApiKey
from shared.model.errors import RateLimited, Unauthorized, Unavailable, Unclear
from shared.ports import KeyStore

logger = logging.getLogger("triggers.keys")

MAX_ENTRIES = 10_000
"""Key ids remembered, known and unknown ones each; past it the one read longest ago is forgotten."""

STALE_SECONDS = 300
"""A known key keeps working so long while its record can't be read. Events are worth more than the chance that
just now a key was revoked, but not for ever: revoking must not be undone by cutting off the table."""

_UNKNOWN_SECONDS = 5
"""An unknown key id is remembered as such; short, for it may be a key that is just being made."""
_USE_SECONDS = 3600
"""A use is recorded once so often, and tried to be in one process."""
_RETRY_SECONDS = 2
"""After a refresh that failed, the record is not asked for again before this."""
_READ_SECONDS = 2
_MAX_BCRYPTS = 2
_FREE_TRIES = 5
_SECONDS_PER_TRY = 10
_MAX_WRONG = 16
_LONG_AGO_MS = -(1 << 62)  # the steady clock may have started just now

_INVALID = "The API key is not valid."


class _Entry:
    """What the ring knows of one key id. Times are the steady clock's milliseconds."""

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
        """Return the key if `token` is its token, verified before and lately read; None says: ask `verify`."""
        parts = api_key.parse(token)
        if parts is None or (entry := self._entries.get(parts[0])) is None or entry.digest is None:
            return None
        if self._clock.monotonic_ms() >= entry.fresh_until_ms:
            return None
        if not hmac.compare_digest(hashlib.sha256(parts[1]).digest(), entry.digest):
            return None
        return None if entry.key.lapsed(self._clock.wall_ms()) else entry.key

    async def verify(self, token: str) -> ApiKey:
        """Return the key whose token this is.

        Raises `Unauthorized` if it is none or no longer works, `RateLimited` after too many wrong secrets, and
        `Unavailable` if the table does not answer and the key was not read lately.
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
        """Give up what is still being read or checked."""
        await self._reads.aclose()
        await self._checks.aclose()
        await self._uses.aclose()

    async def _entry(self, key_id: str) -> _Entry | None:
        """Return what is known of `key_id`, read at most `cache_seconds` ago; requests share one read."""
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
                raise Unavailable(f"the key table does not answer: {error}") from error
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
        """Check a secret by bcrypt, unless it was wrong before; requests with the same secret share one check."""
        if digest in entry.wrong:
            return False
        name = (entry.key.key_id, digest)
        if not self._checks.is_running(name):
            self._count_try(entry)
        return await self._checks.run(name, lambda: self._bcrypt(entry, secret, digest))

    def _count_try(self, entry: _Entry) -> None:
        """Let through a few tries at once, then one every `_SECONDS_PER_TRY` seconds."""
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
        """Have the use recorded, in the background, unless one of the last hour is; `verify` comes by often enough."""
        now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
        if now_ms < entry.note_use_ms or wall_ms - (entry.key.last_used_at or 0) < _USE_SECONDS * 1000:
            return
        entry.note_use_ms = now_ms + _USE_SECONDS * 1000
        self._uses.start(entry.key.key_id, lambda: self._record_use(entry.key.key_id, wall_ms))

    async def _record_use(self, key_id: str, used_at: int) -> None:
        try:
            await self._reader.record_use(key_id, used_at)
        except (Unavailable, Unclear) as error:
            logger.warning("a key's use was not recorded", extra={"key_id": key_id, "error": str(error)})
