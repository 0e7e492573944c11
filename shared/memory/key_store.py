"""A `KeyStore` in memory."""

from msgspec.structs import replace

from shared.model.api_key import ApiKey, in_order, key_taken, unknown_key


class MemoryKeyStore:
    """API keys in a dict, for tests and for a process without a table."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key, None if it does not exist."""
        return self._keys.get(key_id)

    async def put(self, key: ApiKey) -> None:
        """Add a key."""
        if key.key_id in self._keys:
            raise key_taken(key)
        self._keys[key.key_id] = key

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return keys, oldest first."""
        return in_order(self._keys.values(), tenant)

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key as revoked."""
        if key_id not in self._keys:
            raise unknown_key(key_id)
        key = self._keys[key_id]
        if key.revoked_at is None:
            key = self._keys[key_id] = replace(key, revoked_at=revoked_at)
        return key

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Make a key expire."""
        if key_id not in self._keys:
            raise unknown_key(key_id)
        key = self._keys[key_id]
        if key.expires_at is None or expires_at < key.expires_at:
            key = self._keys[key_id] = replace(key, expires_at=expires_at)
        return key

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Record a use."""
        key = self._keys.get(key_id)
        if key is not None and (key.last_used_at or 0) < used_at:
            self._keys[key_id] = replace(key, last_used_at=used_at)

    async def ready(self) -> None:
        """Return: memory is always available."""
