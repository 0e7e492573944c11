"""Two versions side by side: packs of an older and of a newer ingest, older workers with other settings, old cursors.

Formats only grow at their end, so that an older pack lacks the last fields. A newer format begins with another version
character: workers that do not know it leave the message to the redrive policy.
"""

import base64
import binascii
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from msgspec.structs import replace

from shared.model import position as positions
from shared.model.pack import EventPack, Pack, encode
from shared.ports import EventQueue, Message
from tests.simulation.settings import SETTINGS

_NEWER = "y"
OLDER_SETTINGS = replace(SETTINGS, inline_body_bytes=65_536, commit_deadline_ms=200, store_timeout_ms=400)
"""Of older workers: the protocol holds with either, and a change of settings reaches one process after another."""


def older_pack(pack: Pack) -> str:
    """Encode `pack` as ingest did before its last field was added, if that has its default."""
    fields: list[Any] = msgspec.json.decode(msgspec.json.encode(pack))
    if isinstance(pack, EventPack) and pack.window_seconds is None:
        del fields[5:]
    elif fields[-1] in ([], False):
        del fields[-1]
    return "p" + base64.b64encode(msgspec.json.encode(fields)).decode()


def newer_pack(pack: Pack) -> str:
    """Encode `pack` in a format that older workers do not know."""
    return _NEWER + encode(pack)


class NewerQueue:
    """A queue as newer workers see it: they know the newer format."""

    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._queue, name)
        return method

    async def receive(self, **kwargs: Any) -> list[Message]:
        messages = await self._queue.receive(**kwargs)
        return [replace(one, body=one.body.removeprefix(_NEWER)) for one in messages]


def old_cursor(position: str, inbox: str) -> str:
    """Return a cursor of version 1, which had no CRC."""
    raw = b"\x01" + positions.to_bytes(position) + (binascii.crc32(inbox.encode()) & 0xFFFF).to_bytes(2)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
