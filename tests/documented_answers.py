"""Compares answers with the OpenAPI document: a hook for the HTTP clients of tests."""

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from shared.web.docs import DOCUMENT

if TYPE_CHECKING:
    import jsonschema_rs

_document: Mapping[str, Any] = msgspec.json.decode(DOCUMENT.read_bytes())
_paths = {re.compile(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(path))): path for path in _document["paths"]}


async def check_answer(answer: httpx.Response) -> None:
    """Fail if the JSON of `answer` is not what the document describes for its request, status and media type."""
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    path = next((path for pattern, path in _paths.items() if pattern.fullmatch(answer.request.url.path)), None)
    if path is None or not media_type.endswith("json") or answer.request.method == "HEAD":
        return
    validator = _validator(path, answer.request.method.lower(), str(answer.status_code), media_type)
    if validator is not None:
        await answer.aread()
        # Numbers beyond a double are legal in `data`; this parser reads them, and leaves the answer's bytes alone.
        for error in validator.iter_errors(answer.json()):
            raise AssertionError(f"{answer.request.method} {answer.url} does not answer as documented: {error}")


@cache
def _validator(path: str, method: str, status: str, media_type: str) -> "jsonschema_rs.Validator | None":
    import jsonschema_rs  # noqa: PLC0415 (the environment of the rehearsal is without it)

    content = _document["paths"][path].get(method, {}).get("responses", {}).get(status, {}).get("content", {})
    if media_type not in content:
        return None
    schema = {**content[media_type]["schema"], "components": _document["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
