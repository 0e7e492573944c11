"""Log why an app failed to start, in one line, like the errors of other commands.

uvicorn would log text from the traceback, which may contain secrets.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from cli.root import error_message

if TYPE_CHECKING:
    from litestar.types import ASGIApp

_log = logging.getLogger("triggers.http")


def logging_startup_errors(app: "ASGIApp") -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Wrap `app` in an ASGI app that logs the reason if it fails to start."""

    async def live(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (frameworks differ)
        try:
            await app(scope, receive, send)
        except BaseException as error:
            _log.error("start or end failed", extra={"error": _line(error)})
            raise

    def call(scope: Any, receive: Any, send: Any) -> Awaitable[None]:  # noqa: ANN401 (the same)
        # A coroutine here would add its cost to every request.
        return (live if scope["type"] == "lifespan" else app)(scope, receive, send)

    return call


def _line(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return (error_message(error) if isinstance(error, Exception) else None) or type(error).__name__
