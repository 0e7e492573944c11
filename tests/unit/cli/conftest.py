from collections.abc import Iterator

import pytest

from tests.unit.cli.fake_api import FakeApi, serving


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """An API on loopback that gives scripted answers."""
    with serving() as api:
        yield api
