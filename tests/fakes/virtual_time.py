"""Tests in virtual time: a wait takes no real time."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.virtual import VirtualLoop


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run `test` in virtual time, for an hour at most."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(asyncio.wait_for(test(*args, **kwargs), 3600))

    return run
