"""Bugs in the use of layouts: stale copies, and the wrong epoch."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from shared.model.layout import Copy, Layout, Sharding
from tests.simulation.planting import Bugs

LAYOUT_BUGS = Bugs()


@LAYOUT_BUGS.add
def stale_copy() -> Iterator[Any]:
    """A process uses its copy of the layout however old it is, and never renews it."""
    yield patch.object(Copy, "age_ms", lambda *_: 0)
    yield patch.object(Copy, "covers", lambda *_: True)


@LAYOUT_BUGS.add
def change_without_delay() -> Iterator[Any]:
    """A change takes effect when it is written, when others do not know it yet."""
    scaled = Layout.scaled
    lead_ms = 2_000

    def at_once(self: Layout, inbox: Any, shards: int, effect_ms: int) -> Layout:
        return scaled(self, inbox, shards, effect_ms - lead_ms)

    yield patch.object(Layout, "scaled", at_once)


@LAYOUT_BUGS.add
def last_epoch_taken_for_all() -> Iterator[Any]:
    """A range is read in as many shards as the inbox has at its end."""
    yield patch.object(Sharding, "most", lambda self, _, last_ms: self.at(last_ms).shards)


@LAYOUT_BUGS.add
def position_beyond_the_copy() -> Iterator[Any]:
    """A clock that is set forward mints a position for which the copy does not answer."""
    yield patch.object(Copy, "covers", lambda *_: True)


@LAYOUT_BUGS.add
def present_epoch_for_old_positions() -> Iterator[Any]:
    """What lies at a position is looked for in the shard where it would be stored today."""
    shards_at = Sharding.at
    yield patch.object(Sharding, "at", lambda self, _: shards_at(self, self.epochs[-1].from_ms))
