"""The metrics of the worker."""

from collections.abc import Sequence

from shared.model.errors import Unavailable, Unclear
from shared.ports import Message
from tests.counted import counted
from tests.fakes.scripted import fails, meanwhile, refuses
from tests.fakes.virtual_time import in_virtual_time
from tests.unit.worker.commit.consumer_rig import AGAIN, DONE, LEFT, GiveUp, gives
from tests.unit.worker.commit.consumer_rig import Rig as ConsumerRig
from tests.unit.worker.commit.rig import SETTINGS, WINDOW_MS, Rig
from worker.commit.processor import Disposition


async def test_events_are_counted_by_result_with_batch_chunk_and_latency() -> None:
    rig = Rig()
    await rig.process(rig.pack("a", "b", "b", accepted_ago_ms=2500), rig.pack("c"))
    assert counted(rig.metrics) == {
        "worker_batch_messages": 1,
        "worker_chunk_events": 1,
        "worker_chunk_duration_seconds": 1,
        "worker_concurrency_limit": 8,
        "worker_events_total stored": 3,
        "worker_events_total duplicate": 1,
        "stored_latency_seconds": 3,
    }
    assert sum(rig.metrics.stored_seconds.of().sums) == 5
    assert sum(rig.metrics.chunk_events.of().sums) == 3
    assert sum(rig.metrics.batch_messages.of().sums) == 2


async def test_an_event_accepted_by_a_clock_that_is_ahead_has_no_latency() -> None:
    rig = Rig()
    await rig.process(rig.pack("a", accepted_ago_ms=-50))
    assert sum(rig.metrics.stored_seconds.of().sums) == 0


async def test_acks_and_erases_are_counted_separately() -> None:
    rig = Rig()
    await rig.store_events("a", "b")
    [first, _] = rig.listed()
    await rig.process(rig.acks(first.place.position), rig.removal("b", erase=True), rig.removal("not there yet"))
    assert counted(rig.metrics, "worker_removals") == {
        "worker_removals_total acked": 1,
        "worker_removals_total removed": 1,
        "worker_removals_total postponed": 1,
    }
    assert counted(rig.metrics, "worker_events") == {"worker_events_total stored": 2}


async def test_the_concurrency_limit_is_reported() -> None:
    rig = Rig()
    rig.store.on("insert_guards", meanwhile(rig.passes(SETTINGS.commit_deadline_ms + 1)))
    await rig.process(rig.pack("e"))
    assert counted(rig.metrics, "worker_concurrency_limit") == {"worker_concurrency_limit": 7}


async def test_moves_and_take_overs_are_counted() -> None:
    rig = Rig()
    late = meanwhile(rig.passes(SETTINGS.commit_deadline_ms + 1))
    rig.store.on("insert_guards", late)
    rig.store.on("move_guards", late)
    await rig.process(rig.pack("e", accepted_ago_ms=WINDOW_MS + 1000))
    moves = ("worker_repositions", "worker_moved", "worker_take")
    assert counted(rig.metrics, *moves) == {"worker_moved_claims_total": 2}
    rig.store.on("insert_events", fails(Unclear("cut off")))
    await rig.process(rig.pack("e"))
    assert counted(rig.metrics, *moves) == {
        "worker_moved_claims_total": 2,
        "worker_repositions_total": 1,
        "worker_take_overs_total": 1,
    }


async def test_dead_letters_are_counted_including_those_not_sent() -> None:
    rig = Rig()
    for _ in range(SETTINGS.dead_letters_per_minute):
        rig.dead_letters.allow()
    commit = rig.commit(rig.pack("e"))
    assert not await rig.dead_letters.send(commit, "why")
    rig.clock.advance(60)
    rig.sink.on("send", fails(Unavailable("no")))
    assert not await rig.dead_letters.send(commit, "why")
    rig.store.on("insert_events", refuses(0, rig.memory))
    rig.store.on("insert_events", refuses(0, rig.memory))
    await rig.process(rig.pack("poison"))
    assert counted(rig.metrics, "worker_dead", "worker_events") == {
        "worker_dead_letters_total withheld": 1,
        "worker_dead_letters_total failed": 1,
        "worker_dead_letters_total sent": 1,
        "worker_events_total dead": 1,
    }


@in_virtual_time
async def test_receives_messages_and_batches_are_counted() -> None:
    rig = ConsumerRig(gives(DONE, AGAIN, LEFT, DONE))
    rig.wire.on("receive", fails(Unavailable("no")))
    await rig.send("a", "b", "c")
    await rig.clock.sleep_ms(4000)
    seen = counted(rig.metrics)
    assert seen["worker_receives_total failed"] == 1
    assert seen["worker_receives_total messages"] == 1
    assert {name: value for name, value in seen.items() if name.startswith("worker_messages")} == {
        "worker_messages_total delete": 1,
        "worker_messages_total retry": 1,
        "worker_messages_total leave": 1,
    }
    assert seen["worker_batch_duration_seconds"] == 1
    await rig.finish()


@in_virtual_time
async def test_the_age_of_the_oldest_message_is_its_age_when_received() -> None:
    ages: list[float | None] = []

    async def commit(messages: Sequence[Message], _: GiveUp) -> list[Disposition]:
        ages.append(rig.metrics.queue_age.of().read())
        return [DONE] * len(messages)

    async def receive(_: object) -> list[Message]:
        now_ms = rig.clock.wall_ms()
        return [Message(id=str(age), body="", handle="h", sent_at=now_ms - age) for age in (2000, 7000)]

    rig = ConsumerRig(commit)
    rig.wire.on("receive", receive)
    await rig.clock.sleep_ms(60_000)
    assert ages == [7]
    assert rig.metrics.queue_age.of().read() == 0  # no message since
    await rig.finish()
