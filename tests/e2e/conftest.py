from collections.abc import Iterator

import pytest

from cli.local.emulator import free_port
from tests.e2e.local import Local, running


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A running stack; each test uses its own tenant."""
    with running(free_port(), tmp_path_factory.mktemp("local") / "data") as stack:
        yield stack
