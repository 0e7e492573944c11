"""Answers to requests that never reach the app: the same problem documents as the app's own, as bytes to write."""

import re
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from typing import Literal

import msgspec
from litestar.exceptions import HTTPException

from shared.model.errors import InvalidRequest, TooSlow, Unavailable
from shared.web.problems import MEDIA_TYPE, problem_of

Reason = Literal[
    "connections", "address", "memory", "line", "headers", "malformed", "pipelined", "slow", "reader", "unsent"
]
"""Why a connection or a request was refused: values of the metric `triggers_http_refusals_total`."""

Headers = Iterable[tuple[bytes, bytes]]

_RETRY_SECONDS = 1
_sane_id = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch


class Refusal(Exception):
    """A request that breaks a bound. `error` decides status and text, `reason` is counted."""

    def __init__(self, reason: Reason, error: Exception) -> None:
        super().__init__(str(error))
        self.reason = reason
        self.error = error


def full(reason: Reason) -> Refusal:
    """Return the 503 of a process that can take no more of `reason`."""
    return Refusal(reason, Unavailable(reason, _RETRY_SECONDS))


def line_too_long(limit_bytes: int) -> Refusal:
    """Return the 414."""
    return _plain("line", HTTPStatus.REQUEST_URI_TOO_LONG, f"The URL is longer than {limit_bytes:,} bytes.")


def headers_too_large(detail: str) -> Refusal:
    """Return the 431."""
    return _plain("headers", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)


def slow_headers(limit_seconds: float) -> Refusal:
    """Return the 408 of headers that did not end in time."""
    detail = f"The request's headers took longer than {limit_seconds:g} seconds."
    return _plain("slow", HTTPStatus.REQUEST_TIMEOUT, detail)


def slow_body(limit_seconds: float) -> Refusal:
    """Return the 408 of a body that did not end in time."""
    return Refusal("slow", TooSlow(limit_seconds))


def malformed(detail: str) -> Refusal:
    """Return the 400 of a request that is not HTTP/1.1, or that two servers might read differently."""
    return Refusal("malformed", InvalidRequest(f"The request is not valid HTTP/1.1: {detail}."))


def too_many_pipelined() -> Refusal:
    """Return a refusal that is counted and never written: the requests before it are answered instead."""
    return full("pipelined")


def render(refusal: Refusal, given: Headers, default_headers: Headers) -> bytes:
    """Return the whole answer. `given` are the request's headers as far as they came; they may name the request."""
    request_id = next((value for name, value in given if name == b"x-request-id" and _sane_id(value)), None)
    request_id = request_id or secrets.token_hex(8).encode()
    status, headers, body = as_message(refusal, request_id)
    fields = [*default_headers, *headers, (b"x-request-id", request_id), (b"connection", b"close")]
    head = b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode())
    return b"".join([head, *(b"%b: %b\r\n" % field for field in fields), b"\r\n", body])


def as_message(refusal: Refusal, request_id: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return the answer's status, headers but for the request's id, and body."""
    problem, headers = problem_of(refusal.error, f"urn:triggers:request:{request_id.decode()}")
    body = msgspec.json.encode(problem)
    fields = [(name.encode(), value.encode()) for name, value in headers.items() if name != "connection"]
    fields += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    return problem.status, fields, body


def _plain(reason: Reason, status: HTTPStatus, detail: str) -> Refusal:
    return Refusal(reason, HTTPException(status_code=status, detail=detail))
