"""A client with scripted answers, whose pauses take no time."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from triggers_client import AsyncClient, Client

_MANY = 100

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Api:
    """Gives its answers in order and repeats the last; records requests and pauses."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.waited: list[float] = []

    def client(self, *, attempts: int | None = 8) -> Client:
        transport = httpx.MockTransport(self._answer)
        return Client("http://triggers", "the-key", attempts=attempts, transport=transport, sleep=self.waited.append)

    def async_client(
        self, *, attempts: int | None = 8, sleep: Callable[[float], Awaitable[None]] | None = None
    ) -> AsyncClient:
        transport = httpx.MockTransport(self._answer)
        return AsyncClient(
            "http://triggers", "the-key", attempts=attempts, transport=transport, sleep=sleep or self._sleep
        )

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        if len(self.waited) > _MANY:
            await asyncio.Event().wait()  # a heartbeat, which would never let others run

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def problem(status: int, *faults: tuple[str, str], retry_after: str | None = None) -> httpx.Response:
    """Return a problem details answer."""
    content = {"title": "Title", "detail": "Detail.", "status": status, "instance": "urn:1"}
    errors = [{"detail": detail, "pointer": pointer} for detail, pointer in faults]
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return httpx.Response(status, json=content | ({"errors": errors} if errors else {}), headers=headers)
