from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.running import Running, running

SHORT_TIMES = {
    "HEADER_TIMEOUT_SECONDS": "1",
    "BODY_TIMEOUT_SECONDS": "2",
    "SEND_TIMEOUT_SECONDS": "2",
    "MAX_CONNECTIONS_PER_ADDRESS": "0",
}


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """A server whose time limits are short, so that running into them is quick."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("memory is read from /proc")
    with running(**SHORT_TIMES) as started:
        yield started
