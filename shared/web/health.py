"""Health endpoints, which need no API key: liveness, readiness and status."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from litestar import MediaType, get
from litestar.handlers import HTTPRouteHandler

from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.model.errors import ClockWrong, Unavailable
from shared.settings import Settings
from shared.web.problems import responses

_TIMEOUT_SECONDS = 3
_CACHE_MS = 1000
"""These paths need no key, so the queue and the tables are checked at most once a second, whatever the load."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The response of `/status`. `health` is `ok`, or `degraded` if a dependency does not respond."""

    name: str
    version: str
    uptime_seconds: int
    health: str


class Readiness:
    """Checks whether the dependencies of every part respond."""

    def __init__(self, checks: Mapping[str, Callable[[], Awaitable[None]]], clock: Clock) -> None:
        self._checks = checks
        self._clock = clock
        self._flight: SingleFlight[None, dict[str, Exception]] = SingleFlight()
        self._failing: dict[str, Exception] = {}
        self._checked_ms: int | None = None

    async def failing(self) -> dict[str, Exception]:
        """Return the parts that are not ready, by name, and why."""
        now_ms = self._clock.monotonic_ms()
        if self._checked_ms is None or now_ms - self._checked_ms >= _CACHE_MS:
            self._failing = await self._flight.run(None, self._check)
            self._checked_ms = self._clock.monotonic_ms()
        return self._failing

    async def aclose(self) -> None:
        """Cancel checks in progress."""
        await self._flight.aclose()

    async def _check(self) -> dict[str, Exception]:
        errors = await asyncio.gather(*map(_error_of, self._checks.values()))
        return {name: error for name, error in zip(self._checks, errors, strict=True) if error is not None}


def handlers(settings: Settings, readiness: Readiness, clock: Clock) -> list[HTTPRouteHandler]:
    """Return the handlers of `/healthz`, `/readyz` and `/status`."""
    started_ms = clock.monotonic_ms()

    @get(
        "/healthz",
        operation_id="readLiveness",
        media_type=MediaType.TEXT,
        summary="Liveness probe",
        tags=["operations"],
    )
    async def healthz() -> str:
        return "ok\n"

    @get(
        "/readyz",
        operation_id="readReadiness",
        media_type=MediaType.TEXT,
        summary="Readiness probe",
        tags=["operations"],
        responses=responses(503),
    )
    async def readyz() -> str:
        failing = await readiness.failing()
        for error in failing.values():
            if isinstance(error, ClockWrong):
                raise error
        if failing:
            raise Unavailable(f"not ready: {', '.join(failing)}")
        return "ready\n"

    @get("/status", operation_id="readStatus", summary="Name, version, uptime and health", tags=["operations"])
    async def status() -> Status:
        return Status(
            name=settings.api_title,
            version=settings.api_version,
            uptime_seconds=(clock.monotonic_ms() - started_ms) // 1000,
            health="degraded" if await readiness.failing() else "ok",
        )

    return [healthz, readyz, status]


async def _error_of(check: Callable[[], Awaitable[None]]) -> Exception | None:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await check()
    except (Unavailable, TimeoutError) as error:
        return error
    return None
