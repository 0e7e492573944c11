"""An app's failure to start, kept, so that `triggers serve` can tell of it as other commands do.

uvicorn has only its text, a traceback, and may not print it: there may be what should not be in a log.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from cli.root import told

if TYPE_CHECKING:
    from litestar.types import ASGIApp


class Starting:
    """An ASGI app around `app`, that remembers why `app` could not start. Requests pass it by."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app
        self._error: BaseException | None = None

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:  # noqa: ANN401 (frameworks differ)
        """Serve a request, or live from start to end."""
        # A coroutine of our own would cost every request its share.
        app = self._live if scope["type"] == "lifespan" else self._app
        return app(scope, receive, send)

    def failure(self) -> str:
        """Return the line that tells why it did not start."""
        error = self._error
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        line = told(error) if isinstance(error, Exception) else None
        return line or f"it can't start ({type(error).__name__})"

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (the same)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            self._error = error
            raise
