"""Requests that an HTTP API may alter on their way to the function, or that wait longer than a function may."""

import base64
import gzip
import time
from collections.abc import Mapping
from typing import Any

import httpx
from click import echo

from tests.rehearsal.traffic import Client, until

_INBOX = "edges"
_JSON = "application/json"
_NDJSON = "application/x-ndjson"
_NAME = "M\u00fcller"
_EVENT = b'{"type":"t","id":"compressed","inbox":"edges","data":{"n":1.10}}'
_LATIN_1 = b'{"type":"t","inbox":"edges","data":"M\xfcller"}'
_ID = "a/b%2Fc"
_ANSWER_SECONDS = 6.0
"""Of a function that waits for two seconds, on a slow machine."""


def check(client: Client) -> None:
    """Post and read them; raise if one is stored altered, or not answered as documented."""
    _check_compressed(client)
    _check_latin_1(client)
    _check_id(client)
    _check_wait(client)


def _check_compressed(client: Client) -> None:
    """Compressed JSON arrives as text, and is refused. Compressed NDJSON arrives as base64."""
    compressed = gzip.compress(_EVENT)
    _refused(_post(client, compressed, _JSON, **{"content-encoding": "gzip"}))
    answer = _post(client, compressed, _NDJSON, **{"content-encoding": "gzip"})
    assert answer.status_code == 202, answer.text
    until(lambda: b'"data":{"n":1.10}' in client.http.get("/v1/inbox", params={"inbox": _INBOX}).content)
    echo("  compressed JSON is refused (415), compressed NDJSON is listed with its bytes")


def _check_latin_1(client: Client) -> None:
    """Text that is not UTF-8 arrives altered, and is refused. As base64 it is accepted."""
    _refused(_post(client, _LATIN_1, _JSON))
    marks = {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "/s", "ce-id": "latin-1"}
    _refused(_post(client, _NAME.encode("latin-1"), "text/plain; charset=iso-8859-1", **marks))
    encoded = base64.b64encode(_NAME.encode("latin-1"))
    cloud_event = b'{"specversion":"1.0","type":"t","source":"/s","id":"latin-1","data_base64":"%b"}' % encoded
    answer = _post(client, cloud_event, "application/cloudevents+json", "latin-1")
    assert answer.status_code == 202, answer.text
    until(lambda: encoded in client.http.get("/v1/inbox", params={"inbox": "latin-1"}).content)
    echo("  Latin-1 text is refused (415), and listed with its bytes if it is sent as data_base64")


def _check_id(client: Client) -> None:
    """HTTP APIs decode paths: an id with a slash, and one that looks encoded, are found by their `Location`."""
    answer = _post(client, b'{"type":"t","id":"%b","inbox":"ids"}' % _ID.encode(), _JSON)
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]
    assert "%2F" in location
    until(lambda: client.http.get(location).status_code == 200)
    found: Mapping[str, Any] = client.http.get(location).json()
    assert found["id"] == _ID, found
    assert client.http.delete(location).status_code == 202
    until(lambda: not client.http.get("/v1/inbox", params={"inbox": "ids"}).json()["events"])
    echo(f"  the event {_ID} is found and acknowledged by its Location, {location}")


def _check_wait(client: Client) -> None:
    """A request that waits for 20 s is answered when the function's `MAX_WAIT_SECONDS` (2) have passed."""
    started = time.monotonic()
    answer = client.http.get("/v1/inbox", params={"inbox": "quiet", "wait": "20"})
    seconds = time.monotonic() - started
    assert answer.status_code == 200, answer.text
    assert not answer.json()["events"]
    assert 2 <= seconds < 2 + _ANSWER_SECONDS, seconds
    echo(f"  a long poll of 20 s is answered after {seconds:.1f} s")


def _post(client: Client, body: bytes, content_type: str, inbox: str = "", **headers: str) -> httpx.Response:
    params = {"inbox": inbox} if inbox else {}
    return client.http.post(
        "/v1/events", content=body, params=params, headers={"content-type": content_type, **headers}
    )


def _refused(answer: httpx.Response) -> None:
    assert answer.status_code == 415, (answer.status_code, answer.text)
    assert answer.json()["type"] == "urn:triggers:problem:unsupported-media-type", answer.text
    assert "base64" in answer.json()["detail"], answer.text
