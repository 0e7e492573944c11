"""Forwards events to an HTTP endpoint, one after another: `triggers tail --forward-to URL`.

An event is a POST of its data with its content type, in the binary mode of CloudEvents (`ce-id`, `ce-type`, ...), and
with the headers `webhook-id` and `webhook-timestamp` of Standard Webhooks, without a signature.
"""

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self
from urllib.parse import quote

import click
import msgspec

from cli.http import is_near, shown

_TIMEOUT_SECONDS = 30.0
_JSON = "application/json"
_NOT_HEADERS = ("data", "data_base64", "datacontenttype")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
"""What CloudEvents leaves as it is in a header; everything else is percent-encoded."""


class Delivery(NamedTuple):
    """A request that is made of an event."""

    name: str
    body: bytes
    headers: Mapping[str, str]


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about a delivery."""

    id: str
    type: str
    position: str
    datacontenttype: str = _JSON
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


def delivery_of(event: bytes, now_seconds: int) -> Delivery:
    """Return the request for an event of an inbox; JSON as it was posted, other content decoded."""
    known = msgspec.json.decode(event, type=_Event)
    names = {
        name: msgspec.json.decode(value)
        for name, value in msgspec.json.decode(event, type=dict[str, msgspec.Raw]).items()
        if name not in _NOT_HEADERS
    }
    attributes = {f"ce-{name}": quote(_text(value), safe=_PRINTABLE) for name, value in names.items()}
    own = {"content-type": known.datacontenttype, "webhook-id": known.position, "webhook-timestamp": str(now_seconds)}
    return Delivery(name=f"{known.type} {known.id}", body=_body(known), headers={**attributes, **own})


class Forwarder:
    """Delivers to one URL. Use as an async context manager.

    `is_stopping` after Ctrl-C: the delivery in progress was still awaited, and nothing more should be delivered.
    """

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        import httpx  # noqa: PLC0415 (slow to load)

        self._url = url
        self._say = say
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=not is_near(url))
        self.is_stopping = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._client.aclose()

    async def deliver(self, event: bytes) -> None:
        """Deliver an event: repeat its request, with pauses of up to 30 s, until the answer is a 2xx."""
        from triggers_client.retries import pause_seconds  # noqa: PLC0415 (brings httpx)

        failures = 0
        while (answer := await self.attempt(event, retried=True)) is not None:
            failures += 1
            if self.is_stopping:
                raise asyncio.CancelledError
            await asyncio.sleep(pause_seconds(failures, answer))

    async def attempt(self, event: bytes, *, retried: bool = False) -> str | None:
        """Make the request once, and print its result; return None if the answer is a 2xx, else its `Retry-After`."""
        delivery = delivery_of(event, int(time.time()))
        posting = asyncio.ensure_future(self._post(delivery, retried=retried))
        try:
            return await asyncio.shield(posting)
        except asyncio.CancelledError:
            self.is_stopping = True
            click.echo(f"Waiting for the answer to {delivery.name}; Ctrl-C again stops at once.", err=True)
            return await posting

    async def _post(self, delivery: Delivery, *, retried: bool) -> str | None:
        import httpx  # noqa: PLC0415 (loaded already)

        started = time.monotonic()
        answer: httpx.Response | None = None
        try:
            answer = await self._client.post(self._url, content=delivery.body, headers=delivery.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            result = str(error) or type(error).__name__
        else:
            result = f"{answer.status_code} {answer.reason_phrase}"
        delivered = answer is not None and answer.is_success
        spent_ms = (time.monotonic() - started) * 1000
        more = "; retrying" if retried and not delivered and not self.is_stopping else ""
        self._say(f"POST {shown(self._url)}  {delivery.name}  {result}, {spent_ms:.0f} ms{more}")
        return None if delivered else ("" if answer is None else answer.headers.get("retry-after", ""))


def _body(event: _Event) -> bytes:
    if event.data_base64 is not None:
        return base64.b64decode(event.data_base64)
    raw = bytes(event.data)
    media_type = event.datacontenttype.partition(";")[0].strip().lower()
    if raw.startswith(b'"') and not media_type.endswith(("/json", "+json")):
        return msgspec.json.decode(raw, type=str).encode()  # text, which CloudEvents puts into JSON as a string
    return raw


def _text(value: object) -> str:
    """Return an attribute in its canonical form as text."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
