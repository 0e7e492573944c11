"""Check what reaches the stub, and count what AWS would bill for it.

Requests are kept as they came and looked at after the round, so that checking takes no time from it. A round that
sends more than `MAX_HELD_BYTES` is checked in a part: what it sends first.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from bench.sizes import write_units
from shared.compression import expand
from shared.model import pack as packs
from shared.model.errors import Poison
from shared.model.pack import EventPack

MAX_HELD_BYTES = 96 * 1024 * 1024
SQS_UNIT_BYTES = 64 * 1024
_MAX_FAULTS = 5

_RECORDS = ("config", "key#", "inboxes#")
"""Partition keys of what the tables hold beside events and guards; each is written at most once a day."""

_quoted_names = re.compile(r"'([^']+)': \?")


class _Entry(msgspec.Struct):
    MessageBody: str


class _Send(_Entry):
    def bodies(self) -> list[str]:
        return [self.MessageBody]


class _SendBatch(msgspec.Struct):
    Entries: list[_Entry]

    def bodies(self) -> list[str]:
        return [entry.MessageBody for entry in self.Entries]


class _Put(msgspec.Struct):
    Item: dict[str, Any]


class _Statement(msgspec.Struct):
    Statement: str
    Parameters: list[Any]


class _Execute(msgspec.Struct):
    Statements: list[_Statement]


class Audit:
    """What one round sent. `counts` holds sums, `faults` what could not be read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._held: list[tuple[str, bytes]] = []
        self._held_bytes = 0
        self._checks: Mapping[str, Callable[[bytes], None]] = {
            "SendMessage": self._send,
            "SendMessageBatch": self._send_batch,
            "PutItem": self._put,
            "BatchExecuteStatement": self._execute,
        }

    def add(self, operation: str, body: bytes) -> None:
        """Record a request."""
        if operation not in self._checks:
            return
        if self._held_bytes + len(body) > MAX_HELD_BYTES:
            self.counts["unchecked"] += 1
            return
        self._held.append((operation, body))
        self._held_bytes += len(body)

    def settle(self) -> None:
        """Check and count the requests recorded since the last call."""
        held, self._held, self._held_bytes = self._held, [], 0
        for operation, body in held:
            try:
                self._checks[operation](body)
            except (Poison, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
                self.counts["faults"] += 1
                if len(self.faults) < _MAX_FAULTS:
                    self.faults.append(f"{operation}: {type(error).__name__}: {error}")

    def _send(self, body: bytes) -> None:
        self._messages(_decoder(_Send).decode(body).bodies())

    def _send_batch(self, body: bytes) -> None:
        self._messages(_decoder(_SendBatch).decode(body).bodies())

    def _messages(self, sent: list[str]) -> None:
        # A batch is billed by its total size.
        self.counts["send_units"] += max(1, -(-sum(map(len, sent)) // SQS_UNIT_BYTES))
        self.counts["messages"] += len(sent)
        for body in sent:
            for event in _events_in(body):
                _check_event(event)
                self.counts["queued_events"] += 1

    def _put(self, body: bytes) -> None:
        self._item(_decoder(_Put).decode(body).Item)

    def _execute(self, body: bytes) -> None:
        for statement in _decoder(_Execute).decode(body).Statements:
            names = _names_in(statement.Statement)
            self._item(dict(zip(names, statement.Parameters, strict=True)))

    def _item(self, item: Mapping[str, Any]) -> None:
        key = item["pk"]["S"]
        if key.startswith(_RECORDS):
            return
        self.counts["write_units"] += write_units(item)
        if key.startswith("guard#"):
            self.counts["guards"] += 1
            return
        _check_event(_event_of(item))
        self.counts["stored_events"] += 1


@lru_cache
def _decoder(type_: type[Any]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(type_)


@lru_cache
def _names_in(statement: str) -> list[str]:
    """Return the attributes that an INSERT names, in the order of its parameters."""
    if not statement.startswith("INSERT INTO "):
        raise ValueError("a statement that is no INSERT")
    return _quoted_names.findall(statement)


def _events_in(body: str) -> Iterator[Mapping[str, Any]]:
    """Yield the events of a message: of a pack, or the plain build's one."""
    if body.startswith("{"):
        yield msgspec.json.decode(body)
        return
    pack = packs.decode(body)
    if not isinstance(pack, EventPack):
        raise TypeError("a pack of something else than events")
    for event in pack.events:
        yield msgspec.json.decode(event.body)


def _event_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the event in an item: from its one body, or the plain build's attributes."""
    body = item.get("body")
    if body is None:
        return {name: value for name, value in item.items() if name not in ("pk", "sk")}
    stored = body["S"].encode() if "S" in body else base64.b64decode(body["B"])
    event: Mapping[str, Any] = msgspec.json.decode(expand(stored))
    return event


def _check_event(event: Mapping[str, Any]) -> None:
    missing = {"id", "source", "type", "data"} - event.keys()
    if missing:
        raise ValueError(f"an event without {', '.join(sorted(missing))}")
