"""Webhook payloads, and JSON that an encoder would not write: duplicate names, odd numbers, escapes and spacing."""

import random
from typing import NamedTuple

import msgspec
from msgspec import Raw

from bench import webhooks as generated
from tests.integration.deployment import event

_ATOMS = (
    *("1.10", "1e5", "1E+05", "-0", "-0.0", "0.1e-400", "1e308", "9007199254740993", "9" * 300),
    *("null", "true", "false", "[]", "{}", '""'),
    *('"Zoë 東京 🚀"', '"\u2028\ufeff\uffff\x7f"', r'"Zo\u00eb \ud83d\ude80 \u0000"', r'"\/\\\"\b\f\n\r\t"'),
    *('"https://api.github.com/repos/o/r/commits{/sha}"', '"' + "lorem ipsum " * 90 + '"'),
    *("[ 1,2 ,\t3]", '{ "b" : 1,\r\n"a":2, "b":3 }'),
)
_NAMES = ("id", "node_id", "html_url", "sender", "Größe", "\\u0069d", "id", "", "a.b", "constructor")


class Webhook(NamedTuple):
    """A posted event, and the bytes of its `data`."""

    posted: bytes
    data: bytes


def webhooks() -> list[Webhook]:
    """Return 30 irregular ones of up to 30 KB, and those that the benchmarks generate."""
    rng = random.Random(20)  # noqa: S311
    made = [_object(rng, size).encode() for size in (200, 1_500, 8_000, 15_000, 30_000) for _ in range(6)]
    return [Webhook(event(data, id=f"made-{n}"), data) for n, data in enumerate(made)] + [
        Webhook(line, bytes(msgspec.json.decode(line, type=_Line).data)) for line in generated.webhooks()
    ]


def _object(rng: random.Random, size: int, depth: int = 0) -> str:
    """Return a JSON object of about `size` characters, whose names are in no order, and not all different."""
    fields: list[str] = []
    while sum(map(len, fields)) < size:
        nests = depth < 6 and rng.random() < 0.3
        value = _object(rng, size // 4, depth + 1) if nests else rng.choice(_ATOMS)
        fields.append(f'"{rng.choice(_NAMES)}"{rng.choice((":", ": ", " :"))}{value}')
    return "{" + rng.choice((",", ", ", ",\n  ")).join(fields) + "}"


class _Line(msgspec.Struct):
    data: Raw
