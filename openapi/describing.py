"""OpenAPI building blocks of all parts: parameters, headers, and error answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.model.errors import RateLimited, TooSlow, Unauthorized
from shared.settings import Settings
from shared.web.problems import MEDIA_TYPE, problem_of

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
_INSTANCE = "urn:triggers:request:req-1"

SLOW_BODY = (TooSlow(Settings().body_timeout_seconds), "The body took longer than 30 seconds to arrive.")
"""The server's refusal, for every operation that has a body."""

ALWAYS_TRUE: Mapping[str, Any] = {"type": "boolean", "not": {"const": False}}
"""A field that is only ever true. Generators of clients make invalid code of `const: true`."""


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def header(name: str, description: str, example: str) -> dict[str, Any]:
    """Return a request header."""
    schema = {"type": "string"}
    return {"in": "header", "name": name, "description": description, "schema": schema, "example": example}


def query(name: str, description: str, schema: Mapping[str, Any], example: str | None = None) -> dict[str, Any]:
    """Return a query parameter."""
    described = {"in": "query", "name": name, "description": description, "schema": schema}
    return described if example is None else {**described, "example": example}


def by_query(operation: Mapping[str, Any], operation_id: str) -> dict[str, Any]:
    """Return an operation on one event with the event's id in the query instead of the path."""
    path, *others = operation["parameters"]
    given = {**path, "in": "query", "name": "id", "description": "The event's id."}
    why = "With the id in the query, for ids that HTTP clients would change in a path, such as `..`. "
    description = why + operation["description"]
    return {**operation, "operationId": operation_id, "description": description, "parameters": [given, *others]}


def sent(description: str, example: str) -> dict[str, Any]:
    """Return a response header; an integer if `example` is one."""
    if example.isdigit():
        return {"description": description, "schema": {"type": "integer"}, "example": int(example)}
    return {"description": description, "schema": {"type": "string"}, "example": example}


REQUEST_ID = header("X-Request-ID", "Identifies the request in the response and in the log.", "req-1")
_SENT_ID = {"X-Request-ID": sent("Identifies the request in the log.", "req-1")}
SENT = {
    "RateLimit": sent("The remaining quota of the key.", '"default";r=940;t=1'),
    "RateLimit-Policy": sent("The key's limit.", '"default";q=1000;w=1'),
    **_SENT_ID,
}
"""The headers of every response to a request that was charged to a key."""

_OF_REFUSALS = {
    "Accept-Encoding": "The supported content codings.",
    "Accept-Post": "The supported media types.",
    "Connection": "The server closes the connection without reading the rest of the request.",
    "Retry-After": "Seconds to wait before the next attempt.",
    "WWW-Authenticate": "The authentication scheme.",
}
_ANYWHERE: tuple[tuple[Exception, str], ...] = (
    (Unauthorized("The API key is not valid."), "The API key is missing or not valid."),
    (
        RateLimited("The API key may send 1,000 events per second.", retry_after=1),
        "The key is over its rate. Retry after the seconds in `Retry-After`.",
    ),
    (Exception(), "An internal error, logged under `instance`."),
)


def refusals(*own: tuple[Exception, str]) -> dict[str, Any]:
    """Return the responses to the errors of every operation and to its `own`, each with its description."""
    found = dict(_refusal(error, description) for error, description in (*_ANYWHERE, *own))
    return {status: found[status] for status in sorted(found)}


def _refusal(error: Exception, description: str) -> tuple[str, dict[str, Any]]:
    """Return the status of `error`, and its response as the API would send it."""
    problem, headers = problem_of(error, _INSTANCE)
    named = {name: sent(text, headers[name.lower()]) for name, text in _OF_REFUSALS.items() if name.lower() in headers}
    return str(problem.status), {
        "description": description,
        "headers": _SENT_ID | named,
        "content": {MEDIA_TYPE: {"schema": ref("Problem"), "example": msgspec.to_builtins(problem)}},
    }
