"""What the tests of the live page put into the stack: keys, events, and events that attack the page."""

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec

from cli.local.data_option import environment_of
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.model.api_key import SCOPES
from shared.model.event import Event
from shared.model.position import Minter
from shared.model.records import Outcome
from shared.ports import Outgoing
from tests.e2e.local import Local, add_dead_letter, client_in

HURTS = "<img src=x onerror=hurt()>"
EVIL: dict[str, Any] = {
    "type": f"</span><script>hurt()</script>{HURTS}",
    "id": f"</textarea>{HURTS}'\"$(hurt)`hurt`\u202e",
    "source": "/it's",
    "data": {f"</pre>{HURTS}": ["<script>hurt()</script>", "'; hurt; '", "\x9b31m\u202e"], "constructor": "__proto__"},
}


async def tenant(local: Local, name: str, *scopes: str) -> dict[str, str]:
    return await asyncio.to_thread(local.environment, name, *(scopes or SCOPES))


async def send(environment: dict[str, str], *events: Any) -> None:
    with client_in(environment) as client:
        await asyncio.to_thread(client.send, events)


async def bury(local: Local, tenant: str, event_id: str) -> None:
    """Put an event into the DLQ, with a hostile reason and payload."""
    raw = msgspec.json.encode(
        {"specversion": "1.0", "id": event_id, "source": "/", "type": EVIL["type"], "data": HURTS}
    )
    receipt = Minter(SystemClock()).mint()
    event = Event(receipt=receipt, id=event_id, source="/", inbox="default", type=EVIL["type"], body=msgspec.Raw(raw))
    await add_dead_letter(local, tenant, event, {"reason": f"refused {HURTS}"})


async def bury_unreadable(local: Local, body: str) -> None:
    """Put a message into the DLQ that contains no pack."""
    async with aclosing(connect(settings.load(environment_of(local.data)), SystemClock())) as backend:
        assert await (await backend.dlq()).send([Outgoing(body=body)]) == [Outcome.DONE]
