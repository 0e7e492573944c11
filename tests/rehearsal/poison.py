"""Poison: a message that is not a pack, and an event too large for the table, in a pack with good ones."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from cdk.bundle import ROOT
from shared.clock import SystemClock
from shared.model import pack as packs
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.model.position import Minter

_DEADLINE_SECONDS = 120
_TOO_LONG = "x" * 450_000  # for an item of DynamoDB's, which ends at 400 KB
_minter = Minter(SystemClock())


def send(sqs: Any, queue_url: str, tenant: str) -> set[str]:
    """Send an event that no table takes between two good ones, past the API; return the good ones' ids."""
    good = {"beside-poison-1", "beside-poison-2"}
    events = [_event("beside-poison-1"), _event("poison", _TOO_LONG), _event("beside-poison-2")]
    pack = EventPack(tenant=tenant, key_id="k", accepted_at=SystemClock().wall_ms(), events=events)
    sqs.send_message(QueueUrl=queue_url, MessageBody=packs.encode(pack))
    return good


def send_unreadable(sqs: Any, queue_url: str) -> None:
    """Send what is no pack; the queue gives it up after two deliveries, since five would take minutes."""
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])
    policy = json.loads(answer["Attributes"]["RedrivePolicy"]) | {"maxReceiveCount": 2}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"RedrivePolicy": json.dumps(policy)})
    sqs.send_message(QueueUrl=queue_url, MessageBody="x: no pack")


def dead_letters(environ: Mapping[str, str], count: int) -> list[str]:
    """Return the reasons of what is in the DLQ, once it holds `count` messages."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        listed = triggers(environ, "dlq", "list", "--json")
        if len(listed) >= count:
            return sorted(one["reason"] for one in listed)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the DLQ holds {[one['reason'] for one in listed]}")
        time.sleep(3)


def triggers(environ: Mapping[str, str], *arguments: str) -> Any:
    """Run a command of `triggers` that prints JSON; return it."""
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=dict(environ), check=True, capture_output=True)  # noqa: S603 (ours)
    return json.loads(done.stdout)


def _event(event_id: str, event_type: str = "t") -> Event:
    body = msgspec.Raw(msgspec.json.encode({"specversion": "1.0", "type": "t", "source": "/", "id": event_id}))
    return Event(receipt=_minter.mint(), id=event_id, source="/", inbox="default", type=event_type, body=body)
