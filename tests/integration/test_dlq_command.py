"""`triggers dlq` on real queues; and the way of an unstorable event to the DLQ and back."""

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
from shared.aws.clients import AwsClients
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

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 120  # only ends a hang
_minter = Minter(SystemClock())


class DlqCommand:
    """The command, and the queues that it works on."""

    def __init__(self, settings: Settings, queue: SqsQueue, dlq: SqsQueue) -> None:
        self.settings = settings
        self.queue = queue
        self.dlq = dlq
        self.environ = {"QUEUE_NAME": settings.queue_name, "DLQ_NAME": settings.dlq_name}

    async def run(self, *arguments: str) -> Result:
        # In a thread, since the command runs its own event loop.
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
async def session(aws_settings: Settings) -> AsyncIterator[DlqCommand]:
    aws = AwsClients(aws_settings)
    async with AsyncExitStack() as stack:
        sending = await stack.enter_async_context(aws.sqs())
        polling = await stack.enter_async_context(aws.sqs_polling())
        queue = await SqsQueue.open(sending, polling, aws_settings.queue_name)
        yield DlqCommand(aws_settings, queue, await SqsQueue.open(sending, polling, aws_settings.dlq_name))


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """Run the worker meanwhile."""
    stop = asyncio.Event()
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(run(settings, stop))
        yield
        stop.set()


async def test_a_list_shows_reasons_but_no_payload(session: DlqCommand) -> None:
    await session.bury(pack(event("e1"), event("e2")), reason="the store refuses the event")
    await session.bury(pack(event("e3")), "x")

    unreadable, refused, given_up = await session.json("list")
    assert unreadable["reason"] == "unreadable: unknown pack version 'x'"
    assert (refused["reason"], refused["events"]) == ("the store refuses the event", 2)
    assert refused["first"] == {"inbox": "default", "source": "/s", "id": "e1", "type": "t"}
    assert (given_up["reason"], given_up["tenant"]) == ("gave up after 5 deliveries", "acme")
    shown = (await session.run("list")).stdout
    assert all(dead_letter["id"] in shown for dead_letter in (unreadable, refused, given_up))
    assert "secret" not in shown
    assert [len(await session.json("list", "--limit", "1")) for _ in range(3)] == [1, 1, 1]
    reported = (await session.run("list", "--limit", "1", "--json")).stderr
    assert reported == "These are 1 of about 3 messages; --limit looks at more.\n"
    assert await session.dlq.backlog() == 3


async def test_a_payload_is_shown_only_when_asked_for(session: DlqCommand) -> None:
    await session.bury(pack(event("e1")))
    [dead_letter] = await session.json("list")

    assert "secret" not in (await session.run("show", dead_letter["id"])).output
    assert "payloads" not in await session.json("show", dead_letter["id"])
    with_payload = (await session.run("show", dead_letter["id"], "--payload")).stdout
    assert msgspec.json.decode(with_payload.splitlines()[-1])["data"] == "secret"
    [payload] = (await session.json("show", dead_letter["id"], "--payload"))["payloads"]
    assert payload["id"] == "e1"


async def test_the_text_of_an_unreadable_message_is_shown_when_asked_for(session: DlqCommand) -> None:
    await session.bury('{"note": "not a pack \u202e\u0085"}')
    [dead_letter] = await session.json("list")

    assert "not a pack" not in (await session.run("show", dead_letter["id"])).output
    assert "raw" not in await session.json("show", dead_letter["id"])
    shown = (await session.run("show", dead_letter["id"], "--payload")).stdout.splitlines()
    assert shown[-2:] == ["raw text:", '{"note": "not a pack \\u202e\\x85"}']
    as_json = (await session.run("show", dead_letter["id"], "--payload", "--json")).stdout
    assert as_json.isascii()
    assert msgspec.json.decode(as_json)["raw"] == '{"note": "not a pack \u202e\u0085"}'
    assert msgspec.json.decode(as_json)["payloads"] == []


async def test_one_message_is_redriven_and_another_dropped(session: DlqCommand) -> None:
    await session.bury(pack(event("e1")), pack(event("e2")), pack(event("e3")), reason="why")
    ids = {dead_letter["first"]["id"]: dead_letter["id"] for dead_letter in await session.json("list")}

    assert await session.json("redrive", ids["e1"]) == {"redriven": 1, "left": 0}
    assert await session.json("drop", ids["e2"], "--yes") == {"dropped": 1, "left": 0}

    assert [dead_letter["id"] for dead_letter in await session.json("list")] == [ids["e3"]]
    [copy] = await session.queue.receive(limit=10, wait_seconds=20, visibility_seconds=60)
    assert event_ids(copy.body) == ["e1"]
    assert copy.attributes == {}


def event_ids(body: str) -> list[str]:
    found = packs.decode(body)
    assert isinstance(found, EventPack)
    return [one.id for one in found.events]


async def test_all_means_the_current_messages(session: DlqCommand) -> None:
    await session.bury(*(pack(event(f"e{number}")) for number in range(25)))

    done = await session.run("redrive", "--all")

    assert done.stdout == "25 messages redriven.\n"
    assert (await session.dlq.backlog(), await session.queue.backlog()) == (0, 25)
    assert (await session.run("redrive", "--all")).stdout == "0 messages redriven.\n"


async def test_nothing_is_dropped_without_confirmation(session: DlqCommand) -> None:
    await session.bury("x")
    [dead_letter] = await session.json("list")

    done = await session.run("drop", dead_letter["id"])

    assert done.exit_code == 1
    assert "Delete 1 message permanently?" in done.stderr
    assert len(await session.json("list")) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["show", "missing"], 1, "Message missing is not in the DLQ"),
        (["redrive", "missing"], 1, "0 messages redriven, 1 not."),
        (["drop", "missing", "--yes"], 1, "0 messages dropped, 1 not."),
        (["redrive"], 2, "Specify message ids, or --all."),
        (["redrive", "id", "--all"], 2, "Specify message ids, or --all."),
        (["drop"], 2, "Specify message ids."),
    ],
)
async def test_errors_are_one_line(session: DlqCommand, arguments: list[str], code: int, line: str) -> None:
    done = await session.run(*arguments)
    assert done.exit_code == code
    assert line in done.output


async def test_a_missing_queue_is_one_line(session: DlqCommand) -> None:
    environ = {**os.environ, **session.environ, "DLQ_NAME": "no-such-queue"}
    command = [sys.executable, "-m", "cli", "dlq", "list"]
    done = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("Error: No such queue: run `triggers provision`, or check QUEUE_")
    assert len(done.stderr.splitlines()) == 1


async def test_an_interrupt_shows_everything_again(session: DlqCommand) -> None:
    await session.bury(*(["x"] * 500))
    environ = {**os.environ, **session.environ}
    command = [sys.executable, "-m", "cli", "dlq", "list"]
    process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await session.until(499)
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()

    assert (process.returncode, errors) == (130, b"")
    assert await session.dlq.backlog() == 500


async def test_an_unreadable_pack_reaches_the_dlq_and_harms_no_other(session: DlqCommand) -> None:
    settings = replace(session.settings, max_receives=2, poll_seconds=1)
    await provision(settings)
    await put(session.queue, [Outgoing(body=text(body)) for body in (pack(event("a")), "x", pack(event("b")))])
    async with working(settings):
        await session.until(1)  # SQS moves it once it was delivered twice, some seconds apart

    assert [dead_letter["reason"] for dead_letter in await session.json("list")] == [
        "unreadable: unknown pack version 'x'"
    ]
    assert sorted(await listed(session.settings)) == ["a", "b"]


async def test_an_event_that_can_not_be_stored_goes_alone_and_comes_back(session: DlqCommand) -> None:
    # Noise does not compress, and exceeds the 400 KB of an item if it is kept inline: while INLINE_BODY_BYTES is
    # too large.
    noise = base64.b64encode(random.Random(1).randbytes(450_000)).decode()  # noqa: S311 (it need not be secret)
    events = [event(f"e{number}") for number in range(1000)]
    events[500] = event("e500", data=noise)
    broken = replace(session.settings, inline_body_bytes=1_000_000, poll_seconds=1)
    await put(session.queue, [Outgoing(body=packs.encode(pack(*events)))])

    async with working(broken):
        await session.until(1)

    assert sorted(await listed(session.settings)) == sorted(one.id for one in events if one.id != "e500")
    [dead_letter] = await session.json("list")
    assert (dead_letter["reason"], dead_letter["events"]) == ("the store refuses the event", 1)
    assert dead_letter["first"]["id"] == "e500"

    assert await session.json("redrive", dead_letter["id"]) == {"redriven": 1, "left": 0}
    async with working(replace(session.settings, poll_seconds=1)):
        while "e500" not in await listed(session.settings):
            pass

    assert sorted(await listed(session.settings)) == sorted(one.id for one in events)
    assert await session.json("list") == []
