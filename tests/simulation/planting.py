"""Bugs to plant, one at a time: they show that a simulation can detect faults."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from _pytest.mark import ParameterSet

Plant = Callable[[], Iterator[Any]]
"""Yields the patches of one bug. Each bug is a plausible mistake that overlooks one case.

`pytest.mark.slow` marks one that takes seconds to find.
"""


class Bugs(dict[str, Plant]):
    """Bugs by name."""

    def add(self, plant: Plant) -> Plant:
        """Add a bug under the name of its function."""
        self[plant.__name__] = plant
        return plant

    def parameters(self) -> list[ParameterSet]:
        """Return the names as the parameters of a test."""
        return [pytest.param(name, marks=getattr(plant, "pytestmark", ())) for name, plant in self.items()]

    @contextmanager
    def planted(self, name: str) -> Iterator[None]:
        """Run with the bug `name` in place."""
        with ExitStack() as stack:
            for patched in self[name]():
                stack.enter_context(patched)
            yield
