"""Layouts in which every inbox has several shards."""

from shared.clock import Clock
from shared.layouts import Layouts
from shared.memory.layout_store import MemoryLayoutStore
from shared.model.layout import Epoch, InboxName, Layout, Sharding


class _Every(dict[InboxName, Sharding]):
    """The same sharding, whatever the inbox."""

    def __init__(self, sharding: Sharding) -> None:
        super().__init__()
        self._sharding = sharding

    def get(self, _inbox: InboxName, _default: object = None) -> Sharding:
        return self._sharding


def every_inbox(shards: int) -> Layout:
    """Return a layout in which every inbox has `shards` shards."""
    return Layout(1, 0, _Every(Sharding((Epoch(0, shards),))))


def layouts_of(layout: Layout, clock: Clock) -> Layouts:
    """Return a holder of `layout`, which does not change."""
    store = MemoryLayoutStore(clock)
    store.layout = layout
    return Layouts(store, clock, skew_ms=100)
