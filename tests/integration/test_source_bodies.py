"""Bodies of any kind reach the inbox byte for byte, or are refused for their size."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.source_deployment import MIB, Deployment, body_of, text
from tests.serving import serving


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    deployment = Deployment(tmp_path / "data")
    async with serving(deployment.app), deployment.client:
        yield deployment


BODIES = {
    "json": (b'{ "b": 1.0,\r\n "a": "\\u00fc", "b": 2 }', "application/json"),
    "form": (b"a=1&b=%FF&a=", "application/x-www-form-urlencoded"),
    "xml": ('<?xml version="1.0"?><a>ü</a>'.encode(), "application/xml"),
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\x00\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    "latin-1": ("Straße".encode("latin-1"), "text/plain; charset=iso-8859-1"),
    "utf-16": ('{"a":"ü"}'.encode("utf-16"), "application/json; charset=utf-16"),
    "broken json": (b'{"a":', "application/json"),
    "binary": (bytes(range(256)), ""),
    "empty": (b"", "application/json"),
    "gzip": (b"\x1f\x8b not really", "application/json"),
    "1 MiB": (b"x" * MIB, "text/plain"),
    "1 MiB of JSON": (b'"%b"' % (b"x" * (MIB - 2)), "application/json"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_of_any_kind_is_kept_byte_for_byte(deployment: Deployment, name: str) -> None:
    body, content_type = BODIES[name]
    _, path = await deployment.source("none")
    headers = {"content_type": content_type} if content_type else {}
    answer = await deployment.post(path, body, **headers, content_encoding="gzip" if name == "gzip" else "identity")
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    [event] = await deployment.listed()
    assert body_of(event) == body
    assert text(event, "datacontenttype") == (content_type or None)
    assert text(event, "contentencoding") == ("gzip" if name == "gzip" else "identity")
    assert ("data" in event) == name.endswith(("json", "JSON")) or name == "broken json"


async def test_a_body_over_1_mib_is_refused(deployment: Deployment) -> None:
    _, path = await deployment.source("none")
    answer = await deployment.post(path, b"x" * (MIB + 1))
    assert answer.status_code == 413
    assert "1,048,576 bytes" in answer.json()["detail"]
    assert await deployment.listed() == []


async def test_a_body_that_does_not_fit_in_a_message_is_refused(deployment: Deployment) -> None:
    _, path = await deployment.source("none")
    answer = await deployment.post(path, random.Random(1).randbytes(MIB))  # noqa: S311 (not for secrecy)
    assert answer.status_code == 413
    assert "does not fit" in answer.json()["detail"]
