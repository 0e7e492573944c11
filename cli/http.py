"""HTTP client of the Triggers API for commands: finds its URL and key, and retries requests."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import click
import msgspec
from click.core import ParameterSource

from shared.model.errors import Fault

if TYPE_CHECKING:
    import httpx

LOCAL_DATA = Path(".triggers")
"""The data directory of the server that runs in the current directory, unless it was given another."""

DEV_JSON = "dev.json"
_SERVER = "triggers.server"
"""The key in `ctx.meta` of the data directory that `--data` names."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT_SECONDS = 30.0

_F = TypeVar("_F", bound=Callable[..., Any])


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The URL of an API, and a key for it; also the contents of the `dev.json` that `script/server` writes."""

    url: str
    api_key: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The members of an error answer (RFC 9457) that are shown."""

    title: str = ""
    detail: str = ""
    errors: tuple[Fault, ...] = ()


class ApiError(click.ClickException):
    """The API refused the request or did not answer; `str()` returns one line."""


def target_options(command: _F) -> _F:
    """Add the options `--url`, `--api-key` and `--data` to a command."""
    source = "else what script/server wrote to .triggers/dev.json here."
    data = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        callback=_remember,
        expose_value=False,
        help="Use the server that runs on this data directory.",
    )
    key = click.option("--api-key", envvar="TRIGGERS_API_KEY", help=f"Default: TRIGGERS_API_KEY, {source}")
    url = click.option(
        "--url",
        envvar="TRIGGERS_URL",
        shell_complete=complete_url,
        help=f"URL of the API. Default: TRIGGERS_URL, {source}",
    )
    return data(url(key(command)))


def resolve(url: str | None, api_key: str | None) -> Target:
    """Return the API of `--data`, or that of the URL and key; what is missing comes from `.triggers/dev.json`."""
    ctx = click.get_current_context(silent=True)
    data: Path | None = ctx.meta.get(_SERVER) if ctx else None
    if ctx and data:
        if ctx.get_parameter_source("url") is ParameterSource.COMMANDLINE:
            raise click.UsageError("Specify --url or --data, not both.")
        running = _running_in(data)
        from_option = ctx.get_parameter_source("api_key") is ParameterSource.COMMANDLINE
        url, api_key = running.url, api_key if from_option else running.api_key
    elif not (url and api_key) and (LOCAL_DATA / DEV_JSON).exists():
        dev = dev_json(LOCAL_DATA / DEV_JSON)
        url, api_key = url or dev.url, api_key or dev.api_key
    if not url or not api_key:
        missing = "API key: give --api-key or set TRIGGERS_API_KEY" if url else "URL: give --url or set TRIGGERS_URL"
        raise click.ClickException(f"No {missing}, or start script/server here.")
    url = url_checked(url)
    if not (api_key.isascii() and api_key.isprintable()):
        raise click.ClickException("The API key contains invalid characters.")
    return Target(url=url, api_key=api_key)


def _remember(ctx: click.Context, __: click.Parameter, data: Path | None) -> None:
    if data is not None:
        ctx.meta[_SERVER] = data


def _running_in(data: Path) -> Target:
    if not (data / DEV_JSON).exists():
        raise click.ClickException(f"No server runs on {data}; `triggers dev --data {data}` starts one.")
    return dev_json(data / DEV_JSON)


def url_checked(url: str) -> str:
    """Return `url` without a trailing slash; raise `ClickException` if it is invalid."""
    if not url.startswith(("http://", "https://")):
        raise click.ClickException("The URL must begin with http:// or https://.")
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise click.ClickException(f"The URL is invalid: {error}") from None
    return url.rstrip("/")


def shown(url: str) -> str:
    """Return `url` without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def dev_json(path: Path) -> Target:
    """Return the contents of a `dev.json`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Target)
    except (OSError, msgspec.DecodeError) as error:
        raise click.ClickException(f"{path} can't be read: {error}") from None


def is_near(url: str) -> bool:
    """Return whether `url` is on this machine; such requests bypass the proxy."""
    return urlsplit(url).hostname in _LOOPBACK


def complete_url(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the URL of the server that runs in this directory, for shell completion."""
    try:
        url = dev_json(LOCAL_DATA / DEV_JSON).url
    except click.ClickException:
        return []
    return [url] if url.startswith(incomplete) else []


class Api:
    """One API, for one command. Use as an async context manager.

    `notice` takes one line before each retry, unless the retry is for a rate limit; `recovered` is called at the first
    answer after such retries.
    """

    def __init__(
        self, target: Target, notice: Callable[[str], None], recovered: Callable[[], None] = lambda: None
    ) -> None:
        import httpx  # noqa: PLC0415 (slow to load, and most commands don't need it)

        try:
            httpx.URL(target.url)
        except httpx.InvalidURL as error:
            raise ApiError(f"The URL is invalid: {error}") from None
        self._notice = notice
        self._recovered = recovered
        self._client = httpx.AsyncClient(
            base_url=target.url,
            timeout=_TIMEOUT_SECONDS,
            trust_env=not is_near(target.url),
            headers={"Authorization": f"Bearer {target.api_key}", "User-Agent": "triggers-cli"},
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        retry_forever: bool = False,
    ) -> "httpx.Response":
        """Return the API's answer, whatever its status.

        Retries while the answer is 429, after the pause in `Retry-After`. Without an answer, or after 502, 503 or 504,
        makes up to 8 attempts (no limit with `retry_forever`), and then raises `ApiError`.
        """
        from triggers_client import retries  # noqa: PLC0415 (brings httpx)

        failures = 0
        while True:
            request = self._client.build_request(method, path, params=params, content=content, headers=headers)
            response, trouble = await self._try(request)
            if response is not None:
                if response.status_code not in retries.RETRIED_STATUSES:
                    if failures:
                        self._recovered()
                    return response
                trouble = describe(response)
            limited = response is not None and response.status_code == HTTPStatus.TOO_MANY_REQUESTS
            failures += not limited  # a rate limit is no failure of the service
            if failures >= retries.ATTEMPTS and not retry_forever:
                raise ApiError(f"{trouble}, {failures} times.")
            retry_after = "" if response is None else response.headers.get("retry-after", "")
            pause = retries.pause_seconds(failures, retry_after)
            if not limited:
                self._notice(f"{trouble}; retrying in {pause:.1f} s")
            await asyncio.sleep(pause)

    async def _try(self, request: "httpx.Request") -> "tuple[httpx.Response | None, str]":
        """Return the answer, or None and the reason why there is none."""
        import httpx  # noqa: PLC0415 (loaded already)

        try:
            response = await self._client.send(request)
        except (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError) as error:
            reason = str(error) or type(error).__name__
            return None, f"{request.url.scheme}://{request.url.netloc.decode()} can't be reached ({reason})"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiError(f"The request can't be sent: {error}") from None
        return response, ""


def problem_of(response: "httpx.Response") -> Problem:
    """Return the problem in an error answer; an empty one if it is not problem details."""
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        return Problem()


def describe(response: "httpx.Response") -> str:
    """Return an error answer as one line."""
    problem = problem_of(response)
    text = problem.detail or problem.title or response.reason_phrase
    faults = "".join(f" {fault.detail}" for fault in problem.errors[:3])
    return f"{response.status_code}: {text}{faults}"
