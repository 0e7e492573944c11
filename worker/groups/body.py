"""Reads JSON bodies strictly: one object with known fields, of which all faults are reported together."""

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec
from litestar import Request
from msgspec import Raw

from shared.model.errors import Fault, InvalidRequest, UnsupportedMedia, echo, pointer_to
from shared.web.body import read_body
from shared.web.context import context_of

MAX_BODY_BYTES = 64 * 1024
"""1,000 positions have 39,000 bytes."""

_JSON = b"application/json"
_object = msgspec.json.Decoder(dict[str, Raw])

T = TypeVar("T")


class Body:
    """The fields of a request, and the faults found in them so far."""

    def __init__(self, raw: bytes, known: Collection[str]) -> None:
        self._faults: list[Fault] = []
        try:
            raw.decode()
            self._fields = _object.decode(raw or b"{}")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            fault = Fault(detail="The body must be a JSON object.", pointer="")
            raise InvalidRequest("The request is invalid. Nothing was changed.", [fault]) from None
        for name in self._fields:
            if name not in known:
                fields = ", ".join(f"`{field}`" for field in known) or "none"
                detail = f"Unknown field `{echo(name)}`. Known fields: {fields}."
                self.fault(name, detail)

    def has(self, name: str) -> bool:
        """Return whether the field `name` is given."""
        return name in self._fields

    def get(self, name: str, kind: Any, rule: str, default: T) -> T:  # noqa: ANN401 - a type has no type
        """Return the field `name`, which must be of `kind`, or `default`. `rule` says so in a sentence."""
        if name not in self._fields:
            return default
        try:
            value: T = msgspec.json.decode(self._fields[name], type=kind)
        except (msgspec.MsgspecError, RecursionError):
            self.fault(name, rule)
            return default
        return value

    def fault(self, name: str, detail: str) -> None:
        """Add a fault of the field `name`."""
        self.fault_at(pointer_to(name) if name else "", detail)

    def fault_at(self, pointer: str, detail: str) -> None:
        """Add a fault of the value at a JSON pointer."""
        self._faults.append(Fault(detail=detail, pointer=pointer))

    def take(self, error: InvalidRequest) -> None:
        """Add the faults of `error`, which concern a field."""
        self._faults += error.faults

    def check(self) -> None:
        """Raise `InvalidRequest` if there are faults."""
        if self._faults:
            raise InvalidRequest("The request is invalid. Nothing was changed.", self._faults)


async def body_of(request: Request[Any, Any, Any], known: Collection[str]) -> Body:
    """Return the body of `request`; no body is an empty object.

    Raises `InvalidRequest`, `UnsupportedMedia`, and what `read_body` raises.
    """
    given = context_of(request.scope).headers
    if given.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise UnsupportedMedia("The body must not have a Content-Encoding.", codings=("identity",))
    raw = await read_body(request.scope, request.receive, MAX_BODY_BYTES)
    if raw and given.get(b"content-type", b"").partition(b";")[0].strip().lower() != _JSON:
        raise UnsupportedMedia("The Content-Type must be application/json.", (_JSON.decode(),))
    return Body(raw, known)
