"""`triggers dlq` on real queues; and an event that can't be stored, all the way there and back."""

import asyncio
import base64
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from cli.main import triggers
from shared.aws.clients import Aws
from shared.aws.provision import provision
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.containers import batches
from shared.model import pack as packs
from shared.model.event import Event
from shared.model.pack import EventPack, Pack
from shared.model.position import Minter
from shared.model.records import Outcome
from shared.ports import MAX_MESSAGES, Outgoing
from shared.settings import Settings
from tests.integration.listing import listed
from worker.__main__ import run

PATIENCE_SECONDS = 120  # bounds a hang; nothing is measured against it
_minter = Minter(SystemClock())


class Desk:
    """The command, and the queues that it works on."""

    def __init__(self, settings: Settings, queue: SqsQueue, dlq: SqsQueue) -> None:
        self.settings = settings
        self.queue = queue
        self.dlq = dlq
        self.environ = {"QUEUE_NAME": settings.queue_name, "DLQ_NAME": settings.dlq_name}

    async def run(self, *arguments: str) -> Result:
        # In a thread, since the command runs a loop of its own.
        runner = CliRunner(env=self.environ)
        return await asyncio.to_thread(runner.invoke, triggers, ["dlq", *arguments], input="n\n")

    async def json(self, *arguments: str) -> Any:
        done = await self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return msgspec.json.decode(done.stdout)

    async def bury(self, *bodies: Pack | str, **attributes: str) -> None:
        """Put messages straight into the DLQ."""
        await put(self.dlq, [Outgoing(body=text(body), attributes=attributes) for body in bodies])

    async def until(self, most: int) -> None:
        """Wait until something is in the DLQ, but no more than `most` messages."""
        while not 0 < await self.dlq.backlog() <= most:  # noqa: ASYNC110 (it is a queue elsewhere)
            await asyncio.sleep(0.01)


async def put(queue: SqsQueue, messages: list[Outgoing]) -> None:
    for some in batches(messages, MAX_MESSAGES):
        assert await queue.send(some) == [Outcome.DONE] * len(some)


def text(body: Pack | str) -> str:
    return body if isinstance(body, str) else packs.encode(body)


def event(event_id: str, data: str = "secret") -> Event:
    body = {"specversion": "1.0", "type": "t", "source": "/s", "id": event_id, "data": data}
    raw = msgspec.Raw(msgspec.json.encode(body))
    return Event(receipt=_minter.mint(), id=event_id, source="/s", inbox="default", type="t", body=raw)


def pack(*events: Event) -> EventPack:
    return EventPack(tenant="acme", key_id="k1", accepted_at=SystemClock().wall_ms(), events=events)


@pytest.fixture
async def desk(aws_settings: Settings) -> AsyncIterator[Desk]:
    aws = Aws(aws_settings)
    async with AsyncExitStack() as stack:
        sending = await stack.enter_async_context(aws.sqs())
        polling = await stack.enter_async_context(aws.sqs_polling())
        queue = await SqsQueue.open(sending, polling, aws_settings.queue_name)
        yield Desk(aws_settings, queue, await SqsQueue.open(sending, polling, aws_settings.dlq_name))


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """Run the worker meanwhile."""
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(run(settings, stop))
        yield
        stop.set()


async def test_a_list_tells_why_but_no_payload(desk: Desk) -> None:
    await desk.bury(pack(event("e1"), event("e2")), reason="the store refuses the event")
    await desk.bury(pack(event("e3")), "x")

    unreadable, refused, given_up = await desk.json("list")
    assert unreadable["reason"] == "unreadable: unknown pack version 'x'"
    assert (refused["reason"], refused["events"]) == ("the store refuses the event", 2)
    assert refused["first"] == {"inbox": "default", "source": "/s", "id": "e1", "type": "t"}
    assert (given_up["reason"], given_up["tenant"]) == ("gave up after 5 deliveries", "acme")
    shown = (await desk.run("list")).stdout
    assert all(letter["id"] in shown for letter in (unreadable, refused, given_up))
    assert "secret" not in shown
    assert [len(await desk.json("list", "--limit", "1")) for _ in range(3)] == [1, 1, 1]
    told = (await desk.run("list", "--limit", "1", "--json")).stderr
    assert told == "These are 1 of about 3 messages; --limit looks at more.\n"
    assert await desk.dlq.backlog() == 3


async def test_a_payload_is_shown_only_when_asked_for(desk: Desk) -> None:
    await desk.bury(pack(event("e1")))
    [letter] = await desk.json("list")

    assert "secret" not in (await desk.run("show", letter["id"])).output
    assert "payloads" not in await desk.json("show", letter["id"])
    with_payload = (await desk.run("show", letter["id"], "--payload")).stdout
    assert msgspec.json.decode(with_payload.splitlines()[-1])["data"] == "secret"
    [payload] = (await desk.json("show", letter["id"], "--payload"))["payloads"]
    assert payload["id"] == "e1"


async def test_one_message_is_redriven_and_another_dropped(desk: Desk) -> None:
    await desk.bury(pack(event("e1")), pack(event("e2")), pack(event("e3")), reason="why")
    ids = {letter["first"]["id"]: letter["id"] for letter in await desk.json("list")}

    assert await desk.json("redrive", ids["e1"]) == {"redriven": 1, "left": 0}
    assert await desk.json("drop", ids["e2"], "--yes") == {"dropped": 1, "left": 0}

    assert [letter["id"] for letter in await desk.json("list")] == [ids["e3"]]
    [copy] = await desk.queue.receive(limit=10, wait_seconds=20, visibility_seconds=60)
    assert letter_ids(copy.body) == ["e1"]
    assert copy.attributes == {}


def letter_ids(body: str) -> list[str]:
    found = packs.decode(body)
    assert isinstance(found, EventPack)
    return [one.id for one in found.events]


async def test_all_means_what_is_there_now(desk: Desk) -> None:
    await desk.bury(*(pack(event(f"e{number}")) for number in range(25)))

    done = await desk.run("redrive", "--all")

    assert done.stdout == "25 messages redriven.\n"
    assert (await desk.dlq.backlog(), await desk.queue.backlog()) == (0, 25)
    assert (await desk.run("redrive", "--all")).stdout == "0 messages redriven.\n"


async def test_nothing_is_dropped_unasked(desk: Desk) -> None:
    await desk.bury("x")
    [letter] = await desk.json("list")

    done = await desk.run("drop", letter["id"])

    assert done.exit_code == 1
    assert "Delete 1 message for good?" in done.stderr
    assert len(await desk.json("list")) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["show", "nobody"], 1, "There is no message nobody in the DLQ"),
        (["redrive", "nobody"], 1, "0 messages redriven, 1 not."),
        (["drop", "nobody", "--yes"], 1, "0 messages dropped, 1 not."),
        (["redrive"], 2, "Give the ids of messages, or --all."),
        (["redrive", "id", "--all"], 2, "Give the ids of messages, or --all."),
        (["drop"], 2, "Give the ids of messages."),
    ],
)
async def test_what_can_not_be_done_is_a_line(desk: Desk, arguments: list[str], code: int, line: str) -> None:
    done = await desk.run(*arguments)
    assert done.exit_code == code
    assert line in done.output


async def test_a_missing_queue_is_a_line(desk: Desk) -> None:
    environ = {**os.environ, **desk.environ, "DLQ_NAME": "no-such-queue"}
    command = [sys.executable, "-m", "cli", "dlq", "list"]
    done = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("Error: There is no such queue: run `triggers provision`, or check QUEUE_")
    assert len(done.stderr.splitlines()) == 1


async def test_an_interrupt_shows_everything_again(desk: Desk) -> None:
    await desk.bury(*(["x"] * 500))
    environ = {**os.environ, **desk.environ}
    command = [sys.executable, "-m", "cli", "dlq", "list"]
    process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await desk.until(499)
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()

    assert (process.returncode, errors) == (130, b"")
    assert await desk.dlq.backlog() == 500


async def test_an_unreadable_pack_reaches_the_dlq_and_harms_no_other(desk: Desk) -> None:
    settings = replace(desk.settings, max_receives=2, poll_seconds=1)
    await provision(settings)
    await put(desk.queue, [Outgoing(body=text(body)) for body in (pack(event("a")), "x", pack(event("b")))])
    async with working(settings):
        await desk.until(1)  # SQS moves it once it was delivered twice, some seconds apart

    assert [letter["reason"] for letter in await desk.json("list")] == ["unreadable: unknown pack version 'x'"]
    assert sorted(await listed(desk.settings)) == ["a", "b"]


async def test_an_event_that_can_not_be_stored_goes_alone_and_comes_back(desk: Desk) -> None:
    # Noise does not get smaller; kept in its item it takes more than the 400 KB that an item holds. So it is while
    # INLINE_BODY_BYTES is too large.
    noise = base64.b64encode(random.Random(1).randbytes(450_000)).decode()  # noqa: S311 (it need not be secret)
    events = [event(f"e{number}") for number in range(1000)]
    events[500] = event("e500", data=noise)
    broken = replace(desk.settings, inline_body_bytes=1_000_000, poll_seconds=1)
    await put(desk.queue, [Outgoing(body=packs.encode(pack(*events)))])

    async with working(broken):
        await desk.until(1)

    assert sorted(await listed(desk.settings)) == sorted(one.id for one in events if one.id != "e500")
    [letter] = await desk.json("list")
    assert (letter["reason"], letter["events"]) == ("the store refuses the event", 1)
    assert letter["first"]["id"] == "e500"

    assert await desk.json("redrive", letter["id"]) == {"redriven": 1, "left": 0}
    async with working(replace(desk.settings, poll_seconds=1)):
        while "e500" not in await listed(desk.settings):
            pass

    assert sorted(await listed(desk.settings)) == sorted(one.id for one in events)
    assert await desk.json("list") == []
