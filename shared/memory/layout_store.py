"""A `LayoutStore` in memory."""

from shared.clock import Clock
from shared.layout_ports import Reading
from shared.model.layout import Layout


class MemoryLayoutStore:
    """A layout that lasts as long as the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.layout = Layout()

    async def read(self) -> Reading:
        """Return the layout."""
        return Reading(self.layout, self._clock.wall_ms())

    async def write(self, layout: Layout) -> bool:
        """Replace the layout if its version is one less than that of `layout`."""
        if layout.version != self.layout.version + 1:
            return False
        self.layout = layout
        return True
