"""Fixtures of all simulations."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Disable the logs of simulated processes."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
