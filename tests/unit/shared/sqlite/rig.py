"""A data directory that is opened and closed around a block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.clock import Clock, SystemClock
from shared.settings import Settings
from shared.sqlite.backend import SqliteBackend


def settings_of(directory: Path, *, store_timeout_ms: int = 500) -> Settings:
    return Settings(backend="sqlite", data_dir=str(directory), store_timeout_ms=store_timeout_ms)


@asynccontextmanager
async def opened(directory: Path, clock: Clock | None = None) -> AsyncIterator[SqliteBackend]:
    backend = SqliteBackend(settings_of(directory), clock or SystemClock())
    try:
        yield backend
    finally:
        await backend.aclose()
