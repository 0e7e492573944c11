"""One request and its answer, of a client that may have closed its half of the connection.

A client may end its side once its request is sent, and still wait for the answer (`nc -N`, some SDKs). By TCP it looks
the same as one that has left. So the answer is written either way, and an app that waits for its client to leave, as a
long poll does, is woken: it ends at once instead of holding its place.
"""

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent


class Cycle(RequestResponseCycle):
    """uvicorn's cycle, but for what `receive` makes of the end of a client's side."""

    _is_half_closed = False
    _is_received = False

    def half_close(self) -> None:
        """End `receive` for an app that waits for its client to leave; the answer is still written."""
        self._is_half_closed = True
        if self._is_received:
            self.message_event.set()

    async def receive(self) -> "ASGIReceiveEvent":
        """Return the next piece of the body, and `http.disconnect` once there is nothing more to come."""
        if self._is_half_closed and self._is_received:
            return {"type": "http.disconnect"}
        message = await super().receive()
        if self._is_received:
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self._is_received = not message["more_body"]
        return message
