"""The port of the layout. See `shared.ports` for what all ports share."""

from typing import NamedTuple, Protocol

from shared.model.layout import Layout


class Reading(NamedTuple):
    """A layout, and the time of its table at which it was read, in epoch ms; None if the table does not say."""

    layout: Layout
    table_ms: int | None


class LayoutStore(Protocol):
    """One layout, which applies to all inboxes of a table."""

    async def read(self) -> Reading:
        """Return the layout (a consistent read); an empty one of version 0 if none was written."""
        ...

    async def write(self, layout: Layout) -> bool:
        """Replace the layout if its version is one less than that of `layout`; return whether that was the case."""
        ...
