"""TTL deletion: what has expired is deleted at once, or stays for days. A store in memory that deletes on command."""

from shared.memory.event_store import MemoryStore


class ExpiringMemoryStore(MemoryStore):
    """A `MemoryStore` whose expired items can be deleted."""

    def expire(self, now: int) -> None:
        """Delete everything that has expired at `now`, in epoch seconds."""
        for shard, place in [key for key, record in self.by_shard.items() if record.expires_at <= now]:
            del self.by_shard[shard, place]
            self._positions[place.tenant, place.inbox, place.delivered, shard].remove(place.position)
        for guards in self._guards.values():
            for key in [key for key, guard in guards.items() if guard.expires_at <= now]:
                del guards[key]
