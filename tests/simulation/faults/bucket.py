"""The bucket as a process sees it: its calls fail, lose their answers, and take effect late."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from shared.memory.bodies import MemoryBodies
from shared.ports import BodyStore
from tests.simulation.wire import Wire


class _WiredBodies:
    def __init__(self, bodies: MemoryBodies, wire: Wire) -> None:
        self._bodies = bodies
        self._wire = wire

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._bodies, name)
        return lambda *args: self._wire.call(lambda: method(*args))


def wired_bodies(bodies: MemoryBodies, wire: Wire) -> BodyStore:
    """Return `bodies` as a process sees them."""
    return cast("BodyStore", _WiredBodies(bodies, wire))
