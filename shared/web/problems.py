"""Errors as RFC 9457 problem details: our own errors by class, and those of the framework."""

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap, Scope, Send

from shared.model.errors import (
    ClockWrong,
    Fault,
    Forbidden,
    InvalidEvent,
    InvalidRequest,
    LeaseLost,
    NoSuchGroup,
    NotAcceptable,
    NotAuthentic,
    NotFound,
    RateLimited,
    StorageFull,
    TooLarge,
    TooManyLeases,
    TooSlow,
    Unauthorized,
    Unavailable,
    Unclear,
    UnsupportedMedia,
)
from shared.web.context import context_of

logger = logging.getLogger("triggers.http")

MEDIA_TYPE = "application/problem+json"

_STATUS: Mapping[type[Exception], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    LeaseLost: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Unclear: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLES: Mapping[type[Exception], tuple[str, str]] = {
    InvalidEvent: ("invalid-event", "Invalid event"),
    InvalidRequest: ("invalid-request", "Invalid request"),
    NotAuthentic: ("not-authentic", "Delivery not authentic"),
    Unauthorized: ("unauthorized", "Valid API key required"),
    Forbidden: ("forbidden", "Insufficient permissions"),
    NoSuchGroup: ("no-such-group", "No such group"),
    NotFound: ("not-found", "Not found"),
    LeaseLost: ("lease-lost", "Lease lost"),
    TooLarge: ("too-large", "Request too large"),
    TooSlow: ("too-slow", "Request too slow"),
    UnsupportedMedia: ("unsupported-media-type", "Unsupported media type"),
    NotAcceptable: ("not-acceptable", "No acceptable media type"),
    TooManyLeases: ("too-many-leases", "Too many leases"),
    RateLimited: ("rate-limited", "Too many requests"),
    ClockWrong: ("clock-wrong", "Clock wrong"),
    StorageFull: ("storage-full", "Disk full"),
    Unavailable: ("unavailable", "Service unavailable"),
    Unclear: ("unavailable", "Service unavailable"),
}
_DISK_FULL = "The server's disk is full, and nothing of the request was stored. Repeat it once there is free space."
_CLOCK_WRONG = (
    "It reads nothing until that is corrected, since it would miss events. The request can safely be repeated."
)
_TRY_AGAIN = "Part of the service is overloaded or does not respond. The request can safely be repeated."


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an error response (RFC 9457). `instance` contains the request id in the log."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: Sequence[Fault] | msgspec.UnsetType = msgspec.UNSET


def responses(*statuses: int) -> dict[int, ResponseSpec]:
    """Return `responses=` for a Litestar handler that may answer these statuses with a problem."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


def problem_of(error: Exception, instance: str) -> tuple[Problem, dict[str, str]]:
    """Return the problem for `error`, and its headers. The problem for an unexpected error reveals nothing about it."""
    if status := _lookup(_STATUS, error):
        name, title = _lookup(_TITLES, error)
        problem = Problem(
            type=f"urn:triggers:problem:{name}",
            title=title,
            status=status,
            detail=str(error) if status < HTTPStatus.INTERNAL_SERVER_ERROR else _unavailable_detail(error),
            instance=instance,
            errors=(error.faults if isinstance(error, InvalidRequest) else ()) or msgspec.UNSET,
        )
        return problem, _headers_of(error)
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = Problem(
            title=HTTPStatus(error.status_code).phrase,
            status=error.status_code,
            detail=error.detail,
            instance=instance,
            errors=_faults_of(error.extra) or msgspec.UNSET,
        )
        return problem, dict(error.headers or {})
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = "The error was logged with the request id in `instance`."
    return Problem(title=status.phrase, status=status, detail=detail, instance=instance), {}


def _render(error: Exception, scope: Scope) -> tuple[int, dict[str, str], bytes]:
    """Return the status, headers and body of the response to `error`, and log the details that it omits."""
    line = context_of(scope)
    problem, headers = problem_of(error, f"urn:triggers:request:{line.request_id}")
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("unhandled", exc_info=error, extra={"request_id": line.request_id})
    elif problem.status > HTTPStatus.INTERNAL_SERVER_ERROR:
        line.error = f"{type(error).__name__}: {error}"
    # A plain int, since an HTTPStatus would be logged as its name.
    return int(problem.status), headers, msgspec.json.encode(problem)


async def send(error: Exception, scope: Scope, send: Send) -> None:
    """Send the response to `error`: for ASGI apps outside of Litestar's error handling."""
    status, headers, body = _render(error, scope)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    status, headers, body = _render(error, request.scope)
    return Response(content=body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: _handle}
"""For Litestar: handles all errors, including its own."""


def _unavailable_detail(error: Exception) -> str:
    if isinstance(error, ClockWrong):
        return f"{error} {_CLOCK_WRONG}"
    return _DISK_FULL if isinstance(error, StorageFull) else _TRY_AGAIN


def _lookup(table: Mapping[type[Exception], Any], error: Exception) -> Any:  # noqa: ANN401 - the table's value
    return next((table[cls] for cls in type(error).__mro__ if cls in table), None)


def _headers_of(error: Exception) -> dict[str, str]:
    match error:
        case Unauthorized():
            challenge = error.challenge if isinstance(error, NotAuthentic) else "Bearer"
            return {"www-authenticate": challenge} if challenge else {}
        case RateLimited() | Unavailable():
            return {"retry-after": str(max(1, math.ceil(error.retry_after)))}
        case Unclear():
            return {"retry-after": "1"}
        case TooSlow():
            return {"connection": "close"}  # the rest of the request may still arrive on it
        case UnsupportedMedia():
            lists = {"accept-post": error.accepted, "accept-encoding": error.codings}
            return {name: ", ".join(values) for name, values in lists.items() if values}
        case _:
            return {}


def _faults_of(extra: object) -> list[Fault]:
    """Convert Litestar's validation extras, which name the parameter and the rule but never the value."""
    if not isinstance(extra, list):
        return []
    return [
        Fault(detail=str(item["message"]), pointer=f"/{item['key']}" if "key" in item else None)
        for item in extra
        if isinstance(item, dict) and "message" in item
    ]
