"""Requests and messages whose secrets and payloads are marked, so that leaks can be found."""

import base64
import hmac
from collections.abc import Iterator, Sequence

import msgspec

from shared.clock import SystemClock
from shared.model import pack as packs
from shared.model.event import MAX_REQUEST_BYTES, Event
from shared.model.pack import EventPack
from shared.model.position import Minter
from tests.integration.payloads import webhooks

MARK = "m4rked"
"""A part of each secret and of each value that producers and consumers send."""

AWS_SECRET = f"{MARK}-aws-secret-access-key"
TENANT = "acme"
JSON = "application/json"
CLOUD = "application/cloudevents+json"
_BYTES = MARK.encode()


class Call(msgspec.Struct, frozen=True):
    """A request, with the real key unless its headers contain another."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = {}


def _post(body: bytes, content_type: str = JSON, **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call("POST", "/v1/events", body, {"content-type": content_type} | named)


def _event(**fields: object) -> bytes:
    return msgspec.json.encode({"type": f"{MARK}.type", "data": {MARK: [MARK]}} | fields)


def taken() -> Iterator[Call]:
    """Yield posts that are accepted."""
    yield _post(_event(id=MARK, source=f"/{MARK}", subject=MARK), authorized="yes")
    yield _post(b"[%b,%b]" % (_event(), _event()), idempotency_key=MARK)
    yield _post(_event(specversion="1.0", id=MARK, source="/", extension=MARK), CLOUD)
    yield _post(_event() + b"\n" + _event(), "application/x-ndjson")
    yield _post(_BYTES, "text/plain", ce_specversion="1.0", ce_id=MARK, ce_source="/", ce_type="t", ce_subject=MARK)
    yield _post(b'{"type":"webhook","subject":"%b","data":%b}' % (_BYTES, webhooks()[0].data))
    yield Call("POST", "/v1/acks", b'{"positions":["01a20508-1db5-7000-af69-67bd9399928f"]}', {"content-type": JSON})
    yield Call("DELETE", f"/v1/events/{MARK}?source=/{MARK}&erase=true")


def refused(key_id: str, secret: str) -> Iterator[Call]:
    """Yield requests that are refused; the key's own parts are `key_id` and `secret`."""
    for body in (
        b'{"type":"t","data":"%b" oops' % _BYTES,
        b'{"type":"t","data":"%b\xff"}' % _BYTES,
        b'"%b"' % _BYTES,
        b'{"%b":' % _BYTES,
        b'{"type":"%b"}' % (_BYTES * 100),
        _event(type=[MARK]),
        _event(time=MARK),
        _event(source=f"{MARK} {MARK}"),
        _event(inbox=MARK.upper()),
        _event(unknown=MARK),
        _event(data=float(0)).replace(b"0.0", b"NaN"),
        _BYTES * MAX_REQUEST_BYTES,
    ):
        yield _post(body)
    yield _post(_event(specversion=MARK, id=MARK, source="/"), CLOUD)
    yield _post(_event(specversion="1.0", id=MARK, source="/", data_base64=MARK), CLOUD)
    yield _post(b"{}\n%b" % _BYTES, "application/x-ndjson")
    yield _post(_BYTES, content_encoding="gzip")
    yield _post(_BYTES, ce_specversion="1.0", ce_id="1", ce_source="/", ce_type="t", ce_time=MARK)
    for path in (
        f"after={MARK}",
        f"limit={MARK}",
        f"since={MARK}",
        f"status={MARK}",
        f"wait={MARK}",
        f"unknown={MARK}",
    ):
        yield Call("GET", f"/v1/inbox?{path}")
    yield Call("GET", f"/v1/events/{MARK}-unknown?source=/{MARK}")
    yield Call("GET", f"/{MARK}")
    yield Call("PUT", f"/v1/events/{MARK}", _BYTES)
    yield Call("POST", "/v1/acks", b'{"positions":["%b"]}' % _BYTES, {"content-type": JSON})
    for body in (b'{"ids":"%b"}', b'{"ids":["1"],"unknown":"%b"}', b"%b"):
        yield Call("POST", "/v1/dlq/redrive", body % _BYTES, {"content-type": JSON})
    for token in (
        MARK,
        f"trg_{MARK}_{MARK}",
        f"trg_{key_id}_{MARK}{'x' * 37}",
        f"trg_{secret}_{key_id}",
        f"{secret}\xff",
    ):
        yield Call("GET", "/v1/inbox", headers={"authorization": f"Bearer {token}"})
        yield Call("GET", "/v1/inbox", headers={"authorization": "Basic eDp5", "x-api-key": token})
        yield _post(_event(), x_api_key=token)


def deliveries(url: str, secret: bytes) -> Iterator[tuple[Call, int]]:
    """Yield requests to the path `url` of a source with the scheme hmac, each with its expected status."""
    body = b'{"%b":"%b"}' % (_BYTES, _BYTES)
    signature = hmac.digest(secret, body, "sha256").hex()
    yield Call("POST", f"{url}?{MARK}={MARK}", body, {"x-sig": signature, "content-type": JSON}), 200
    yield Call("POST", url, body, {"x-sig": signature[1:] + MARK, "authorization": f"Bearer {MARK}"}), 401
    yield Call("POST", url, body), 401
    yield Call("POST", f"{url[:-6]}{MARK}", body, {"x-sig": signature}), 401
    yield Call("POST", url, _BYTES * 200_000, {"x-sig": signature}), 413
    yield Call("POST", f"/v1/in/src_{MARK}_{MARK}", body), 401
    yield Call("OPTIONS", url, headers={"webhook-request-origin": "a.example"}), 200
    yield Call("GET", url), 405
    yield Call("PUT", url, body), 405
    yield Call("POST", f"{url}/{MARK}", body), 404
    yield Call("POST", f"{url}/", body), 404


def _pack(*events: Event, accepted_at: int | None = None) -> str:
    when = SystemClock().wall_ms() if accepted_at is None else accepted_at
    return packs.encode(EventPack(tenant=TENANT, key_id="k", accepted_at=when, events=events))


def _stored(data: str, **fields: str) -> Event:
    named = {"id": "1", "source": "/", "type": "t"} | fields
    body = msgspec.json.encode({"specversion": "1.0", **named, "data": data})
    return Event(receipt=Minter(SystemClock()).mint(), inbox="default", body=msgspec.Raw(body), **named)


def dead_letter() -> str:
    """Return a pack of one event that is too big for an item, and so is dead-lettered alone."""
    return _pack(_stored(MARK, type="t" * 410_000))


def broken() -> Sequence[str]:
    """Return message bodies that the worker can't process."""
    sound = _stored(MARK)
    odd = msgspec.structs.replace(sound, receipt=MARK)
    foreign = [MARK, f'["{MARK}",1]', f'["events","t","k",1,[["{MARK}"]]]', f'{{"{MARK}":"{MARK}"}}']
    plain = [f"p{base64.b64encode(text.encode()).decode()}" for text in foreign]
    ack = packs.AckPack(tenant=TENANT, key_id="k", accepted_at=0, inbox="default", positions=[MARK])
    return [MARK, f"p{MARK}", f"z{MARK}", *plain, _pack(odd), _pack(sound, accepted_at=10**18), packs.encode(ack)]
