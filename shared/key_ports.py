"""The ports for API keys and for the token buckets of their rate limits. `shared.ports` has their rules."""

from typing import Protocol

from shared.model.api_key import ApiKey
from shared.model.token_budget import Lease


class KeyStore(Protocol):
    """API keys. Reads may raise `Unavailable`, writes `Unavailable` and `Unclear`."""

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key `key_id` (a consistent read), None if it does not exist."""
        ...

    async def put(self, key: ApiKey) -> None:
        """Add a key; raise `ValueError` if its id is taken."""
        ...

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return all keys, or those of one tenant, oldest first. Reads the whole table."""
        ...

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key as revoked (epoch milliseconds) and return it; raise `NotFound`. Revoking again has no effect."""
        ...

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Make a key expire at `expires_at` (epoch milliseconds) or earlier, and return it; raise `NotFound`."""
        ...

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Record when a key was last used (epoch milliseconds). An unknown key is no error."""
        ...

    async def ready(self) -> None:
        """Return if keys can be read, else raise `Unavailable`."""
        ...


class Budget(Protocol):
    """Storage of the token buckets that processes share."""

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:
        """Take the available tokens, at most `most`, from the bucket of `key`; none if fewer than `least` (1..burst).

        `full_us` is the value in the last lease, 0 before the first: a wrong guess costs a second write. Raises
        `Unavailable` and `Unclear`; tokens taken by an unclear call are lost until the bucket refills.
        """
        ...
