"""Authentication and rate limits for the HTTP apps.

A handler that reads a body calls `Access.authenticate`, `Access.admit`, and `Admission.settle` once the cost is known.
A Litestar handler whose requests cost one has `guards=[needs(scope)]`, which sets `request.auth` to the key.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from shared.auth.leased_rate_limit import LeasedLimiter
from shared.auth.rate_limit import Charge, RateLimiter
from shared.auth.token_bucket import TokenBucketLimiter
from shared.auth.verifier import KeyVerifier
from shared.clock import Clock
from shared.key_ports import KeyStore
from shared.model.api_key import ApiKey
from shared.model.errors import Forbidden, RateLimited, Unauthorized
from shared.ports import Backend
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.admission import Admission, estimate
from shared.web.context import context_of
from shared.web.lifespan import WhileServing

STATE_KEY = "triggers_access"
_POLICY, _LIMIT = b"ratelimit-policy", b"ratelimit"
Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


class Access:
    """The keys and limits of one process. All its apps share one, so that a key is verified and limited once."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._clock = clock
        self._keys = WhileServing[KeyStore]()
        self._verifier = WhileServing[KeyVerifier]()
        self._limits: RateLimiter = TokenBucketLimiter(clock)
        self._over_rate = metrics.rate_limited.of("rate")
        self._wrong_secrets = metrics.rate_limited.of("secrets")

    @asynccontextmanager
    async def lifespan(self, backend: Backend) -> AsyncIterator[None]:
        """Open the key store and, if processes share limits, the budget."""
        keys = await backend.keys()
        if self._settings.rate_limits == "shared":
            self._limits = LeasedLimiter(await backend.budget(), self._clock)
        verifier = KeyVerifier(keys, self._clock, cache_seconds=self._settings.key_cache_seconds)
        with self._keys.holding(keys), self._verifier.holding(verifier):
            try:
                yield
            finally:
                await verifier.aclose()
                await self._limits.aclose()

    async def ready(self) -> None:
        """Return if keys can be read, else raise `Unavailable`."""
        await self._keys().ready()

    async def authenticate(self, scope: Scope, needs: str | None) -> ApiKey:
        """Return the key of the request, which has the scope `needs`, or any key if that is None.

        Raises `Unauthorized`, `Forbidden` (which costs one), `RateLimited` (too many wrong secrets) and
        `Unavailable`.
        """
        line = context_of(scope)
        token = _token_of(line.headers)
        key = self._verifier().known(token) or await self._verify(token)
        line.key_id, line.tenant = key.key_id, key.tenant
        if needs is not None and needs not in key.scopes:
            await self.charge(scope, key, 1)
            raise Forbidden(f"The API key lacks the scope {needs}.")
        return key

    async def admit(self, scope: Scope, key: ApiKey) -> Admission:
        """Charge the key of a request an estimate, before the body is read; raise `RateLimited` if it exceeds it."""
        cost = min(estimate(context_of(scope).headers), key.burst)
        await self.charge(scope, key, cost)
        return Admission(self, scope, key, cost)

    async def charge(self, scope: Scope, key: ApiKey, cost: int) -> None:
        """Charge `cost` to the key and add its limits to the response headers; raise `RateLimited` if it exceeds them.

        Waits only if that may avoid a refusal (see `RateLimiter.settle`).
        """
        await self.settle(scope, key, cost, paid=0)

    async def settle(self, scope: Scope, key: ApiKey, cost: int, *, paid: int) -> None:
        """Charge what `cost` exceeds `paid` by, or refund the rest; otherwise like `charge`."""
        charge = self._limits.charge(key, cost - paid)
        if charge.retry_after_seconds:
            charge = await self._limits.settle(key, cost - paid, charge)
        _report(scope, key, charge, again=bool(paid))
        if charge.retry_after_seconds:
            self._over_rate.add()
            # Repeating the request costs all of it.
            retry_after = charge.retry_after_seconds + paid / key.rate
            raise RateLimited(f"The API key may send {key.rate:,} events per second.", retry_after)

    def owe(self, scope: Scope, key: ApiKey, cost: int) -> None:
        """Charge `cost` more for what a request turned out to need; the key may fall into debt."""
        _report(scope, key, self._limits.owe(key, cost), again=True)

    async def _verify(self, token: str) -> ApiKey:
        try:
            return await self._verifier().verify(token)
        except RateLimited:
            self._wrong_secrets.add()
            raise


def _report(scope: Scope, key: ApiKey, charge: Charge, *, again: bool) -> None:
    """Add the limits of `key` to the response headers; `again` if they are there already."""
    context = context_of(scope)
    if again:
        context.response_headers = [each for each in context.response_headers if each[0] not in (_POLICY, _LIMIT)]
    context.response_headers += (
        (_POLICY, b'"default";q=%d;w=1' % key.rate),
        (_LIMIT, b'"default";r=%d;t=%d' % (charge.remaining, charge.full_after_seconds)),
    )


def access_of(scope: Scope) -> Access:
    """Return the access of the app that serves `scope`."""
    access: Access = scope["litestar_app"].state[STATE_KEY]
    return access


def needs(scope_name: str | None) -> Guard:
    """Return a Litestar guard that requires a key with this scope, charges it one, and sets `request.auth` to it.

    None: any key, whatever its scopes.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        access = access_of(connection.scope)
        key = await access.authenticate(connection.scope, scope_name)
        connection.scope["auth"] = key
        await access.charge(connection.scope, key, 1)

    return guard


def _token_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the token in the `X-API-Key` or `Authorization` header.

    `X-API-Key` comes first: a proxy that identifies its users may add an `Authorization` of its own.
    """
    if b"x-api-key" in headers:
        return headers[b"x-api-key"].strip().decode("latin-1")
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return token.strip().decode("latin-1")
    raise Unauthorized("Missing API key: send it as `Authorization: Bearer ...` or `X-API-Key`.")
