"""Generated events, each a different order, and the requests that carry them.

A repeated event would compress to almost nothing in a pack.
"""

import json
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

EVENT_BYTES = 700
"""The size of an event that throughput is measured with."""

_TEXT = """
    amber anchor basket beacon bottle branch bridge button candle canvas carbon castle cedar circle cotton crystal
    desert dolphin engine falcon feather fiber forest garden ginger glass granite hammer harbor helmet island
    jacket jungle kettle ladder lantern leather lemon marble meadow mirror mountain needle ocean orchid paper
"""
_WORDS = _TEXT.split()
_NAMES = [
    "Ada",
    "Bo",
    "Chen",
    "Dana",
    "Emil",
    "Fatima",
    "Goran",
    "Hana",
    "Ivan",
    "Jun",
    "Kofi",
    "Lena",
    "Mei",
    "Nils",
    "Olga",
    "Pia",
    "Quinn",
    "Rosa",
    "Sven",
    "Tara",
]
_KINDS = ("created", "paid", "packed", "shipped", "returned")


@lru_cache
def events(count: int, size: int = EVENT_BYTES, *, seed: int = 1) -> list[bytes]:
    """Return `count` different events, each of `size` bytes of JSON as it is posted."""
    rng = random.Random(seed)
    return [_event(rng, size) for _ in range(count)]


def batch(some: Sequence[bytes]) -> bytes:
    """Return the array of `some` events."""
    return b"[" + b",".join(some) + b"]"


def post(body: bytes, token: str) -> bytes:
    """Return the HTTP request that posts `body`."""
    head = (
        "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def deliver(body: bytes, token: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the HTTP request that delivers `body` to the source with `token`."""
    head = (
        f"POST /v1/in/{token} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
    )
    return b"%b%b\r\n%b" % (head.encode(), b"".join(b"%b: %b\r\n" % header for header in headers), body)


def get(path: str, token: str) -> bytes:
    """Return the HTTP request that reads `path`."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def aws_send(message: str) -> bytes:
    """Return the HTTP request of a SendMessageBatch with one message, as the SDK sends it, without the signature."""
    body = json.dumps({"QueueUrl": "queue", "Entries": [{"Id": "0", "MessageBody": message}]}).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: AmazonSQS.SendMessageBatch\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _event(rng: random.Random, size: int) -> bytes:
    data: dict[str, Any] = {
        "order": rng.randrange(10**9),
        "customer": {
            "id": f"{rng.getrandbits(64):016x}",
            "name": f"{rng.choice(_NAMES)} {rng.choice(_WORDS).title()}",
            "email": f"{rng.choice(_WORDS)}.{rng.randrange(9999)}@example.com",
            "vip": rng.random() < 0.1,  # noqa: PLR2004 (one in ten)
        },
        "total": round(rng.uniform(5, 900), 2),
        "currency": rng.choice(("EUR", "USD", "GBP")),
        "placed_at": f"2026-11-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z",
        "items": [_item(rng) for _ in range(3)],
        "note": "",
    }
    event = {"type": f"order.{rng.choice(_KINDS)}", "source": "/shop/eu-1", "data": data}
    plain = json.dumps(event, separators=(",", ":"))
    note = ""
    while len(plain) + len(note) < size:
        note += rng.choice(_WORDS) + " "
    data["note"] = note[: size - len(plain)]
    return json.dumps(event, separators=(",", ":")).encode()


def _item(rng: random.Random) -> dict[str, Any]:
    return {
        "sku": f"{rng.choice(_WORDS)[:3].upper()}-{rng.randrange(10**6):06}",
        "name": f"{rng.choice(_WORDS)} {rng.choice(_WORDS)}",
        "quantity": rng.randrange(1, 6),
        "price": round(rng.uniform(1, 200), 2),
    }
