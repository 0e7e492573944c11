"""Selects the backend that the settings name and imports only that one: the AWS SDK takes a second to load."""

from shared.clock import Clock
from shared.ports import Backend
from shared.settings import Settings


def connect(settings: Settings, clock: Clock) -> Backend:
    """Return the backend of this process, with nothing opened yet."""
    if settings.backend == "sqlite":
        from shared.sqlite.backend import SqliteBackend  # noqa: PLC0415 (loads SQLite)

        return SqliteBackend(settings, clock)
    from shared.aws.backend import AwsBackend  # noqa: PLC0415 (loads the SDK)

    return AwsBackend(settings, clock)
