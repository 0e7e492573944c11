"""The ports of sources: where they are kept, and what encrypts their secrets. `shared.ports` has all others."""

from collections.abc import Mapping
from typing import Protocol

from shared.model.source import Source


class SourceReader(Protocol):
    """What ingest asks of the sources."""

    async def get(self, source_id: str) -> Source | None:
        """Return the source `source_id` (a consistent read), None if there is none; raise `Unavailable`."""
        ...


class SourceStore(SourceReader, Protocol):
    """Sources. Reads may raise `Unavailable`, writes `Unavailable` and `Unclear`."""

    async def find(self, tenant: str, name: str) -> Source | None:
        """Return the tenant's source of this name (a consistent read), None if there is none."""
        ...

    async def put(self, source: Source) -> None:
        """Add a source; raise `InvalidRequest` if its tenant has one of this name."""
        ...

    async def sources_of(self, tenant: str | None = None) -> list[Source]:
        """Return all sources, or one tenant's, by tenant and name. Reads the whole table."""
        ...

    async def replace(self, source: Source) -> None:
        """Store a changed `source`, whose version is one more than the stored one's.

        Raises `NotFound` if there is none, and `Unavailable` if it was changed meanwhile: read it again.
        """
        ...

    async def delete(self, source: Source) -> None:
        """Remove a source and free its name; one that is not there is no error."""
        ...

    async def ready(self) -> None:
        """Return if sources can be read; raise `Unavailable` if not."""
        ...


class SecretBox(Protocol):
    """Encrypts short secrets, bound to a context: what was sealed opens in the same context only."""

    async def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret`, of at most 4,096 bytes, encrypted; raise `Unavailable`."""
        ...

    async def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was sealed; raise `Unavailable`, or `Poison` if it was not sealed here in this context."""
        ...
