"""Opens the events table for reading."""

import logging

from shared.model.errors import InvalidSettings
from shared.ports import Backend, EventReader

_log = logging.getLogger("triggers.inbox")


async def open_reader(backend: Backend) -> EventReader:
    """Return the events of `backend`; log the reason if the settings do not fit the table."""
    try:
        return await backend.event_reader()
    except InvalidSettings as error:
        # When the server reports that it can't start, exception groups hide the reason.
        _log.critical("the settings do not fit the table", extra={"faults": error.faults})
        raise
