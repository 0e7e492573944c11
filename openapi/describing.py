"""What the descriptions of all parts share, as OpenAPI: parameters, headers, and answers that refuse."""

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.model.errors import RateLimited, Unauthorized
from shared.web.problems import MEDIA_TYPE, problem_of

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
_INSTANCE = "urn:triggers:request:req-1"


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def header(name: str, description: str, example: str) -> dict[str, Any]:
    """Return a header of a request."""
    schema = {"type": "string"}
    return {"in": "header", "name": name, "description": description, "schema": schema, "example": example}


def query(name: str, description: str, schema: Mapping[str, Any], example: str | None = None) -> dict[str, Any]:
    """Return a parameter of the query."""
    described = {"in": "query", "name": name, "description": description, "schema": schema}
    return described if example is None else {**described, "example": example}


def sent(description: str, example: str) -> dict[str, Any]:
    """Return a header of an answer; a number if `example` is one."""
    if example.isdigit():
        return {"description": description, "schema": {"type": "integer"}, "example": int(example)}
    return {"description": description, "schema": {"type": "string"}, "example": example}


REQUEST_ID = header("X-Request-ID", "Comes back in the answer, and is in the log.", "req-1")
_SENT_ID = {"X-Request-ID": sent("Names the request in the log.", "req-1")}
SENT = {
    "RateLimit": sent("What is left of the key's limit.", '"default";r=940;t=1'),
    "RateLimit-Policy": sent("The key's limit.", '"default";q=1000;w=1'),
    **_SENT_ID,
}
"""The headers of every answer that a key was charged for."""

_OF_REFUSALS = {
    "Accept-Encoding": "The codings that are read.",
    "Accept-Post": "The media types that are read.",
    "Connection": "The rest of the request is not read.",
    "Retry-After": "Seconds to wait.",
    "WWW-Authenticate": "How a key is sent.",
}
_ANYWHERE: tuple[tuple[Exception, str], ...] = (
    (Unauthorized("The API key is not valid."), "No API key, or none that is valid now."),
    (
        RateLimited("The API key may send 1,000 events a second.", retry_after=1),
        "Over the key's rate; `Retry-After` says when to come back.",
    ),
    (Exception(), "A fault in the service; it is logged under `instance`."),
)


def refusals(*own: tuple[Exception, str]) -> dict[str, Any]:
    """Return the answers to the errors that any operation may raise and its `own`, each with what is said of it."""
    return dict(sorted(_refusal(error, description) for error, description in (*_ANYWHERE, *own)))


def _refusal(error: Exception, description: str) -> tuple[str, dict[str, Any]]:
    """Return the status of `error`, and an answer that is in all the one it would have."""
    problem, headers = problem_of(error, _INSTANCE)
    named = {name: sent(said, headers[name.lower()]) for name, said in _OF_REFUSALS.items() if name.lower() in headers}
    return str(problem.status), {
        "description": description,
        "headers": _SENT_ID | named,
        "content": {MEDIA_TYPE: {"schema": ref("Problem"), "example": msgspec.to_builtins(problem)}},
    }
