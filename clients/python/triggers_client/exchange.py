"""One request and its answer, with retries, and without I/O: generators that yield what a transport must do next.

A transport carries out each step and sends back its outcome: see `_run` in `client.py` and `async_client.py`.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import httpx

from triggers_client.errors import TriggersError, Unavailable, refused
from triggers_client.retries import RETRIED_STATUSES, pause_seconds

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
_NO_ANSWER = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
"""Errors after which the same request may succeed."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to make; its outcome is the answer, or the error."""

    method: str
    url: str
    params: Mapping[str, str | Sequence[str]]
    content: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Pause:
    """A pause to make; its outcome is None."""

    seconds: float


Outcome: TypeAlias = httpx.Response | httpx.HTTPError | None
Steps: TypeAlias = Generator[Request | Pause, Outcome, T]
"""An operation: yields steps, is sent their outcomes, and returns its result."""


def http_options(url: str, api_key: str) -> dict[str, Any]:
    """Return the arguments of an `httpx` client for an API. Raises `ValueError` if `url` or `api_key` is invalid."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("The URL must begin with http:// or https://.")
    if not (api_key.isascii() and api_key.isprintable()):
        raise ValueError("The API key contains invalid characters.")
    try:
        host = httpx.URL(url).host
    except httpx.InvalidURL as error:
        raise ValueError(f"The URL is invalid: {error}") from None
    return {
        "base_url": url,
        "timeout": TIMEOUT_SECONDS,
        "trust_env": host not in _LOOPBACK,  # no proxy for requests to this machine
        "headers": {"Authorization": f"Bearer {api_key}", "User-Agent": "triggers-client"},
    }


def exchange(request: Request, *, attempts: int | None, first: int = 0) -> Steps[Any]:
    """Return the JSON of the answer. Repeats a request without an answer, or with one of `RETRIED_STATUSES`.

    After `attempts` failures (None: no limit; a 429 is not counted) raises `Unavailable`. Any other error answer raises
    `Refused`; `first` is the number of events in earlier requests.
    """
    failures = 0
    while True:
        outcome, retry_after = (yield request), ""
        if isinstance(outcome, httpx.Response):
            if outcome.status_code not in RETRIED_STATUSES:
                return _read(outcome, first)
            trouble, retry_after = str(refused(outcome)), outcome.headers.get("retry-after", "")
            failures += outcome.status_code != httpx.codes.TOO_MANY_REQUESTS
        elif isinstance(outcome, _NO_ANSWER):
            trouble = f"The API can't be reached: {str(outcome) or type(outcome).__name__}"
            failures += 1
        else:
            raise TriggersError(f"The request can't be sent: {outcome}")
        if attempts is not None and failures >= attempts:
            raise Unavailable(trouble)
        yield Pause(pause_seconds(failures, retry_after))


def _read(answer: httpx.Response, first: int) -> Any:  # noqa: ANN401 (it is JSON)
    if not answer.is_success:
        raise refused(answer, first)
    try:
        return json.loads(answer.content)
    except ValueError:
        raise TriggersError(f"{answer.url} did not return JSON: it is not the Triggers API.") from None
