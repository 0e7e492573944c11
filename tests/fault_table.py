"""Sends every refused request and records the responses.

`python -m tests.fault_table` updates `docs/faults.md`; `--check` only compares.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from litestar import get, post

from ingest.sources.secrets import new_secret, seal
from shared.model import api_key
from shared.model import source as sources
from shared.ports import Backend
from shared.settings import Settings
from shared.web.app import Part
from shared.web.server import refusals
from tests.fakes.app import AppWorld, build_all
from tests.fault_cases import GROUPS, Case

DOCUMENT = Path(__file__).parents[1] / "docs" / "faults.md"

_HEAD = """\
# Error responses

Every error is a problem (RFC 9457): `{"type","title","status","detail","instance"}`, with `errors` for the faults of a
request. Each of these has a `detail` and, where it applies, a `pointer`: a JSON pointer into the body, or the name of a
parameter or attribute. `type` is `urn:triggers:problem:` followed by the name below, or `about:blank`. `instance` holds
the request's id, as do the log and the header `X-Request-ID`. Of the request itself, only names are repeated.

A test sends each of these requests and compares the responses; `python -m tests.fault_table` writes this page.
"""
_SHOWN = ("allow", "accept-post", "accept-encoding", "www-authenticate", "retry-after", "connection")
_MAX_ERRORS = 8
_KEYS: Mapping[str, Mapping[str, object]] = {
    "all": {"rate": 100_000, "burst": 100_000},
    "writer": {"scopes": [api_key.EVENTS_WRITE]},
    "reader": {"scopes": [api_key.INBOX_READ]},
    "orders": {"types": ["order.*"]},
    "slow": {"rate": 1, "burst": 1},
    "small": {"rate": 1, "burst": 2},
    "revoked": {},
    "expired": {},
}


async def table() -> str:
    """Return the document with the current responses."""
    lines = [_HEAD]
    async with _answering() as ask:
        for title, cases in GROUPS:
            lines += [
                f"\n## {title}\n",
                "| fault | status | type | detail | errors, headers |",
                "|---|---|---|---|---|",
            ]
            lines += [_row(case, await ask(case)) for case in cases]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def _answering() -> AsyncIterator[Any]:
    served = AppWorld(partial(build_all, more=[_faulty()]), key={"scopes": api_key.SCOPES}, keys=_KEYS)
    async with served.serving() as world:
        tokens, now_ms = world.tokens, world.clock.wall_ms()
        await world.keys.revoke(tokens["revoked"].split("_")[1], now_ms)
        await world.keys.expire(tokens["expired"].split("_")[1], now_ms)
        await world.client.put("/v1/groups/all-types", headers={"x-api-key": tokens["all"]})
        tokens["wrong"] = f"trg_abcdefghij_{'x' * 43}"
        urls = await _sources(world.backend, now_ms)

        async def ask(case: Case) -> httpx.Response:
            world.queue.down = case.down
            world.date_answer(ahead_seconds=case.ahead_seconds)
            headers = case.headers | ({"x-api-key": tokens[case.key]} if case.key != "none" else {})
            path = case.path.format_map(urls) if case.path.startswith("/v1/in/") else case.path
            answer = await world.client.request(case.method, path, content=case.body, headers=headers)
            if case.key == "slow":
                answer = await world.client.request(case.method, case.path, content=case.body, headers=headers)
            return answer

        yield ask


def _faulty() -> Part:
    """Return a handler with a bug, and one that refuses a slow body as the server does."""

    @get("/fault")
    async def fault() -> None:
        raise ZeroDivisionError

    @post("/slow")
    async def slow() -> None:
        raise refusals.slow_body(Settings().body_timeout_seconds).error

    @asynccontextmanager
    async def lifespan(_: Backend) -> AsyncIterator[None]:
        yield

    async def ready() -> None:
        pass

    return Part(name="faulty", handlers=[fault, slow], lifespan=lifespan, ready=ready)


async def _sources(backend: Backend, now_ms: int) -> dict[str, str]:
    """Return the tokens of sources by their scheme."""
    tokens: dict[str, str] = {}
    for scheme in ("none", "github", "basic"):
        source, tokens[scheme] = sources.create(tenant="t", name=scheme, scheme=scheme, now_ms=now_ms)
        if scheme != "none":
            sealed = await seal(await backend.secret_box(), source, new_secret(source), now_ms)
            source = sources.with_secret(source, sealed)
        await (await backend.sources()).put(source)
    return tokens


def _row(case: Case, answer: httpx.Response) -> str:
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", case.what
    cells = [
        case.what,
        f"{answer.status_code}",
        f"`{problem['type'].removeprefix('urn:triggers:problem:')}`",
        problem["detail"],
        "<br>".join(_more(problem, answer)),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _more(problem: dict[str, Any], answer: httpx.Response) -> Iterator[str]:
    errors = problem.get("errors", [])
    for error in errors[:_MAX_ERRORS]:
        where = f"`{error['pointer']}` " if error.get("pointer") else ""
        yield where + error["detail"]
    if len(errors) > _MAX_ERRORS:
        yield f"and {len(errors) - _MAX_ERRORS} more"
    for name in _SHOWN:
        if name in answer.headers:
            yield f"{name.title()}: `{answer.headers[name]}`"


def main(arguments: list[str]) -> str | None:
    """Update the page, or with `--check` return that it is out of date."""
    logging.disable()  # the faulty handler would log its stack
    wanted = asyncio.run(table())
    if DOCUMENT.read_text() == wanted:
        return None
    if "--check" in arguments:
        return "docs/faults.md does not match the answers; run script/generate"
    DOCUMENT.write_text(wanted)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
