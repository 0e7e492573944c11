"""The same app as the ingest tests serve."""

from tests.unit.ingest.conftest import world

__all__ = ["world"]
