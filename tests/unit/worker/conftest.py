import pytest

from tests.unit.worker.inbox.reading import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()
