from typing import Any

import pytest

from cli.starting import Starting
from shared.errors import InvalidSettings
from tests.unit.shared.scripted import client_error

LIFESPAN: dict[str, Any] = {"type": "lifespan"}


def failing(error: BaseException) -> Starting:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope == LIFESPAN
        assert receive is send is None
        raise error

    return Starting(app)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ExceptionGroup("g", [ExceptionGroup("g", [InvalidSettings(["A=1: no"])])]), "A=1: no"),
        (client_error("ExpiredToken"), "The AWS session has expired: "),
        (ZeroDivisionError("hidden"), "it can't start (ZeroDivisionError)"),
    ],
)
async def test_why_an_app_does_not_start_is_told(error: Exception, line: str) -> None:
    app = failing(error)
    with pytest.raises(type(error)):
        await app(LIFESPAN, None, None)
    assert app.failure().startswith(line)


async def test_a_request_passes_by() -> None:
    seen = []

    async def app(*given: Any) -> None:
        seen.append(given)

    await Starting(app)({"type": "http"}, 1, 2)
    assert seen == [({"type": "http"}, 1, 2)]
