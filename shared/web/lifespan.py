"""Values that exist only while an app serves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from shared.model.errors import Unavailable

T = TypeVar("T")


class WhileServing(Generic[T]):
    """Gives handlers, which are created before the app starts, access to a value that is opened at startup.

    Calling it returns the value. Before startup and after shutdown it raises `Unavailable`, and `held` is None.
    """

    def __init__(self) -> None:
        self.held: T | None = None

    def __call__(self) -> T:
        """Return the value."""
        if self.held is None:
            raise Unavailable("the process is still starting")
        return self.held

    @contextmanager
    def holding(self, value: T) -> Iterator[None]:
        """Provide `value` until the end of the context."""
        self.held = value
        try:
            yield
        finally:
            self.held = None
