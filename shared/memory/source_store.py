"""A `SourceStore` in memory, for tests."""

from shared.model.source import Source, changed_meanwhile, in_order, name_taken, unknown_source


class MemorySourceStore:
    """Sources in a dict."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    async def get(self, source_id: str) -> Source | None:
        """Return the source, None if it does not exist."""
        return self._sources.get(source_id)

    async def find(self, tenant: str, name: str) -> Source | None:
        """Return the tenant's source of this name."""
        return next((one for one in self._sources.values() if (one.tenant, one.name) == (tenant, name)), None)

    async def put(self, source: Source) -> None:
        """Add a source."""
        if source.source_id in self._sources or await self.find(source.tenant, source.name):
            raise name_taken(source)
        self._sources[source.source_id] = source

    async def sources_of(self, tenant: str | None = None) -> list[Source]:
        """Return sources by tenant and name."""
        return in_order(self._sources.values(), tenant)

    async def replace(self, source: Source) -> None:
        """Store a changed source."""
        if (stored := self._sources.get(source.source_id)) is None:
            raise unknown_source(source.name)
        if stored.version != source.version - 1:
            raise changed_meanwhile(source)
        self._sources[source.source_id] = source

    async def delete(self, source: Source) -> None:
        """Remove a source."""
        self._sources.pop(source.source_id, None)

    async def ready(self) -> None:
        """Return: memory is always ready."""
