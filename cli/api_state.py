"""The state of a running API, from `/readyz` and `/status`, which need no key."""

from typing import TYPE_CHECKING

import msgspec

from cli.http import describe, is_near, shown

if TYPE_CHECKING:
    import httpx

_TIMEOUT_SECONDS = 5.0


class _Status(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `/status`."""

    version: str
    uptime_seconds: int


class ApiState(msgspec.Struct, frozen=True, kw_only=True):
    """An API. A value of None is unknown."""

    url: str
    ready: bool
    version: str | None = None
    uptime_seconds: int | None = None


async def look_at_api(url: str | None) -> tuple[ApiState | None, list[str]]:
    """Return the state of the API at `url`, None without a URL, and its problems."""
    if url is None:
        return None, []
    import httpx  # noqa: PLC0415 (slow to load, and most commands don't need it)

    near, asked, url = is_near(url), url, shown(url)
    try:
        async with httpx.AsyncClient(base_url=asked, timeout=_TIMEOUT_SECONDS, trust_env=not near) as client:
            readyz, status = await client.get("/readyz"), await client.get("/status")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        return ApiState(url=url, ready=False), [
            f"The API at {url} can't be reached ({why}): check that it runs, and --url."
        ]
    problems = [] if readyz.is_success else [f"The API at {url} is not ready: {describe(readyz)}. See its log."]
    status_page = _decoded(status)
    if status_page is None:
        return ApiState(url=url, ready=False), [f"The server at {url} is not Triggers: check --url."]
    state = ApiState(
        url=url, ready=readyz.is_success, version=status_page.version, uptime_seconds=status_page.uptime_seconds
    )
    return state, problems


def _decoded(answer: "httpx.Response") -> _Status | None:
    try:
        return msgspec.json.decode(answer.content, type=_Status)
    except msgspec.DecodeError:
        return None
