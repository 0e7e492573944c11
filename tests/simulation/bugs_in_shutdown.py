"""Bugs of workers that end before their work does: deploys, outages, and the time limit of Lambda."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from tests.simulation.planting import Bugs
from worker.commit import dispositions, processor
from worker.commit.consumer import Consumer
from worker.commit.event_commit import Result
from worker.commit.lambda_handler import LambdaWorker
from worker.commit.processor import Action, Disposition, Processor
from worker.commit.resolver import Resolver

SHUTDOWN_BUGS = Bugs()
_deploys, _lambda = SHUTDOWN_BUGS.under("deploys"), SHUTDOWN_BUGS.under("Lambda")


@_deploys
def postponed_events_count_as_finished() -> Iterator[Any]:
    """A message is deleted once each of its events has a result, even if that is `POSTPONED`."""
    disposition = Processor._disposition

    def finished(self: Processor, one: Any) -> Disposition:
        found = disposition(self, one)
        return replace(found, action=Action.DELETE) if found.action is Action.RETRY else found

    yield patch.object(Processor, "_disposition", finished)


@_deploys
def given_up_events_count_as_stored() -> Iterator[Any]:
    """The resolver returns what it has when it must give up, and nothing counts as stored."""
    resolve = Resolver.resolve

    async def optimistic(self: Resolver, commit: Any, *, give_up: Callable[[], bool]) -> Result:
        result = await resolve(self, commit, give_up=give_up)
        return Result.STORED if result is Result.POSTPONED else result

    yield patch.object(Resolver, "resolve", optimistic)


@_deploys
def outages_use_up_deliveries() -> Iterator[Any]:
    """Messages that were given back are just received again; a long outage fills the DLQ."""

    async def no_copy(*_: Any) -> None:
        return None

    yield patch.object(dispositions, "_replace", no_copy)


@_deploys
def drain_without_an_end() -> Iterator[Any]:
    """A stopped worker finishes what it has received, however long the table is down."""
    yield patch.object(Consumer, "_must_give_up", lambda _: False)


@_deploys
def visibility_not_extended() -> Iterator[Any]:
    """A message becomes visible while its worker waits for the table, and uses up its deliveries."""

    async def once(*_: Any) -> None:
        return

    yield patch.object(Consumer, "_extend_visibility", once)


@SHUTDOWN_BUGS.under("refusals")
def bodies_of_postponed_events_deleted() -> Iterator[Any]:
    """Whatever was not stored is removed from the bucket; the next delivery cannot put it there again."""
    yield patch.object(processor, "_NOT_KEPT", processor._NOT_KEPT | {Result.POSTPONED})


@_lambda
def pause_longer_than_the_queue_keeps_messages() -> Iterator[Any]:
    """A message that was given back is hidden until the queue drops it."""
    yield patch.object(processor, "_delay_seconds", lambda _: 900)


@_lambda
def time_limit_ignored() -> Iterator[Any]:
    """An invocation that waits for the table is killed, and its messages use up their deliveries."""
    process = Processor.process

    async def for_ever(self: Processor, messages: Sequence[Any], **_: Any) -> list[Disposition]:
        return await process(self, messages)

    yield patch.object(Processor, "process", for_ever)


@_lambda
def failed_messages_not_reported() -> Iterator[Any]:
    """An invocation without an error reports no message; Lambda deletes those that were postponed."""
    handle = LambdaWorker.handle

    async def all_done(self: LambdaWorker, messages: Sequence[Any], remaining_ms: int) -> set[str]:
        await handle(self, messages, remaining_ms)
        return {message.id for message in messages}

    yield patch.object(LambdaWorker, "handle", all_done)
