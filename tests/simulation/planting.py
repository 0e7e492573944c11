"""The registry of bugs to plant, one at a time: they show that the simulation can detect faults.

Each is a plausible mistake that overlooks one case. `BUGS` lists them by name; `planted` activates one.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

BUGS: dict[str, Callable[[], Any]] = {}


def bug(plant: Callable[[], Any]) -> Callable[[], Any]:
    """Add a bug: a generator of patches."""
    BUGS[plant.__name__] = plant
    return plant


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Run with the bug `name` in place."""
    with ExitStack() as stack:
        for patched in BUGS[name]():
            stack.enter_context(patched)
        yield
