"""The ports for sources and their secrets. `shared.ports` has their rules."""

from collections.abc import Mapping
from typing import Protocol

from shared.model.source import Source


class SourceReader(Protocol):
    """The part of the sources that ingest needs."""

    async def get(self, source_id: str) -> Source | None:
        """Return the source `source_id` (a consistent read), None if it does not exist; raise `Unavailable`."""
        ...


class SourceStore(SourceReader, Protocol):
    """Sources. Reads may raise `Unavailable`, writes `Unavailable` and `Unclear`."""

    async def find(self, tenant: str, name: str) -> Source | None:
        """Return the tenant's source of this name (a consistent read), None if it does not exist."""
        ...

    async def put(self, source: Source) -> None:
        """Add a source; raise `InvalidRequest` if its tenant already has one of this name."""
        ...

    async def sources_of(self, tenant: str | None = None) -> list[Source]:
        """Return all sources, or one tenant's, by tenant and name. Reads the whole table."""
        ...

    async def replace(self, source: Source) -> None:
        """Store a changed `source` whose version is one higher than the stored one's.

        Raises `NotFound` if it does not exist, and `Unavailable` if it was changed concurrently: read it again.
        """
        ...

    async def delete(self, source: Source) -> None:
        """Delete a source and free its name, if it exists."""
        ...

    async def ready(self) -> None:
        """Return if sources can be read; raise `Unavailable` if not."""
        ...


class SecretBox(Protocol):
    """Encrypts short secrets. A secret can be decrypted only with the context that it was encrypted with."""

    async def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret`, of at most 4,096 bytes, encrypted; raise `Unavailable`."""
        ...

    async def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Return the secret; raise `Unavailable`, or `Poison` if it has another key or context."""
        ...
