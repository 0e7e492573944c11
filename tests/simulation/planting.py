"""Bugs to plant, one at a time: they show that a simulation can detect faults."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import pytest
from _pytest.mark import ParameterSet

Plant = Callable[[], Iterator[Any]]
"""Yields the patches of one bug. Each bug is a plausible mistake that overlooks one case.

`pytest.mark.slow` marks one that takes seconds to find.
"""


class Bug(NamedTuple):
    """A bug, and the profile under which it is planted; None for those that the seeds select."""

    plant: Plant
    profile: str | None


class Bugs(dict[str, Bug]):
    """Bugs by name."""

    def add(self, plant: Plant) -> Plant:
        """Add a bug under the name of its function."""
        self[plant.__name__] = Bug(plant, None)
        return plant

    def parameters(self) -> list[ParameterSet]:
        """Return the names as the parameters of a test."""
        return [pytest.param(name, marks=getattr(bug.plant, "pytestmark", ())) for name, bug in self.items()]

    def under(self, profile: str) -> Callable[[Plant], Plant]:
        """Add a bug that is to be found with the faults of `profile`."""

        def add(plant: Plant) -> Plant:
            self[plant.__name__] = Bug(plant, profile)
            return plant

        return add

    @contextmanager
    def planted(self, name: str) -> Iterator[None]:
        """Run with the bug `name` in place."""
        with ExitStack() as stack:
            for patched in self[name].plant():
                stack.enter_context(patched)
            yield
