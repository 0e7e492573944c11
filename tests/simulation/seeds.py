"""Runs of many seeds, on all cores."""

import logging
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

R = TypeVar("R")

_CHUNK = 20


def simulate_all(simulate: Callable[[int], R], seeds: Iterable[int]) -> list[R]:
    """Return the reports of `simulate` for `seeds`, in order."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=_prepare) as pool:
        return list(pool.map(simulate, seeds, chunksize=_CHUNK))


def _prepare() -> None:
    """Disable logs, and coverage, which doubles the time: the runs with planted bugs cover the same code."""
    sys.settrace(None)
    logging.disable()
