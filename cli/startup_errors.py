"""Logs why an app failed to start, in one line as other commands print it.

uvicorn would log the first line of a traceback's text, which may hold what must not be in a log.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from cli.root import error_message

if TYPE_CHECKING:
    from litestar.types import ASGIApp

_log = logging.getLogger("triggers.http")


def logging_startup_errors(app: "ASGIApp") -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Return an ASGI app that is `app`, and logs why it could not start."""

    async def live(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (frameworks differ)
        try:
            await app(scope, receive, send)
        except BaseException as error:
            _log.error("start or end failed", extra={"error": _line(error)})
            raise

    def call(scope: Any, receive: Any, send: Any) -> Awaitable[None]:  # noqa: ANN401 (the same)
        # A coroutine of its own would cost every request its share.
        return (live if scope["type"] == "lifespan" else app)(scope, receive, send)

    return call


def _line(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return (error_message(error) if isinstance(error, Exception) else None) or type(error).__name__
