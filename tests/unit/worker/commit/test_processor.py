"""From a message to its disposition: decoding, repeats in a batch, claim, commit and retries."""

import msgspec
import pytest

from shared.model import pack as packs
from shared.model.errors import Unavailable, Unclear
from shared.model.pack import EventPack
from shared.model.position import time_of
from shared.model.records import Outcome
from shared.settings import Settings
from tests.fakes.scripted import answers, fails, refuses, reports
from tests.unit.worker.commit.rig import SETTINGS, TTL_MS, WINDOW_MS, Rig, counts, message
from worker.commit.processor import Action

REFUSED = answers(Outcome.REFUSED)


async def test_an_event_takes_one_guard_insert_and_one_event_insert() -> None:
    rig = Rig()
    [disposition] = await rig.process(rig.pack("a"))
    assert (disposition.action, disposition.tenant, disposition.counts) == (Action.DELETE, "acme", {"stored": 1})
    assert rig.store.calls == ["insert_guards", "insert_events"]
    assert rig.names() == ["a"]


async def test_events_of_all_messages_share_calls_25_to_a_call() -> None:
    rig = Rig()
    await rig.process(*(rig.pack(*(f"{pack}.{number}" for number in range(10))) for pack in range(3)))
    assert sorted(rig.store.calls) == ["insert_events"] * 2 + ["insert_guards"] * 2
    assert len(rig.names()) == 30


async def test_order_within_a_pack_is_kept() -> None:
    rig = Rig()
    names = [f"e{number:03}" for number in range(60)]
    await rig.process(rig.pack(*names))
    assert rig.names() == names


async def test_a_stored_event_is_kept_for_its_ttl_from_acceptance_and_its_guard_longer() -> None:
    rig = Rig()
    pack = await rig.store_events("a", accepted_ago_ms=60_000)
    [event], [guard] = rig.listed(), rig.memory.guards()
    accepted, ttl = pack.accepted_at // 1000, TTL_MS // 1000
    assert event.expires_at == accepted + ttl
    assert guard.expires_at == accepted + 2 * ttl + 86_400  # it may be acked on its last day
    assert guard.position == event.place.position
    assert time_of(guard.position) == rig.clock.wall_ms()


async def test_an_expired_event_is_dropped() -> None:
    rig = Rig()
    expired, last_moment = rig.pack("a", "b", accepted_ago_ms=TTL_MS + 1), rig.pack("c", accepted_ago_ms=TTL_MS)
    dispositions = await rig.process(expired, last_moment)
    assert [disposition.action for disposition in dispositions] == [Action.DELETE, Action.DELETE]
    assert counts(dispositions) == [{"expired": 2}, {"stored": 1}]
    assert rig.names() == ["c"]


async def test_an_empty_pack_is_done() -> None:
    rig = Rig()
    [disposition] = await rig.process(rig.pack())
    assert (disposition.action, disposition.counts, rig.store.calls) == (Action.DELETE, {}, [])


async def test_a_redelivery_changes_nothing() -> None:
    rig = Rig()
    pack = await rig.store_events("a", "b")
    before = dict(rig.memory.records)
    rig.start()
    rig.clock.advance(60)
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 2}]
    assert rig.memory.records == before


async def test_repeats_in_a_batch_find_the_guard_of_the_first() -> None:
    rig = Rig()
    first, same = rig.pack("a"), rig.pack("a", "b")
    other = rig.pack(rig.event("a", data="other"))
    dispositions = await rig.process(first, same, other)
    assert counts(dispositions) == [{"stored": 1}, {"duplicate": 1, "stored": 1}, {"conflict": 1}]
    assert rig.store.calls[:2] == ["insert_guards", "insert_events"]
    assert rig.names() == ["a", "b"]


async def test_repeats_in_a_batch_outside_the_window_are_both_stored() -> None:
    rig = Rig()
    dispositions = await rig.process(rig.pack("a"), rig.pack("a", accepted_ago_ms=WINDOW_MS))
    assert counts(dispositions) == [{"stored": 1}, {"stored": 1}]
    assert rig.names() == ["a", "a"]


async def test_two_copies_of_a_message_in_one_batch_are_one_event() -> None:
    rig = Rig()
    pack = rig.pack("a")
    assert counts(await rig.process(pack, pack)) == [{"stored": 1}, {"stored": 1}]
    assert rig.names() == ["a"]


async def test_one_id_in_two_inboxes_is_two_events() -> None:
    rig = Rig()
    event = rig.event("a")
    other = msgspec.structs.replace(event, inbox="other")
    assert counts(await rig.process(rig.pack(event, other))) == [{"stored": 2}]
    assert len(rig.listed()) == 2


@pytest.mark.parametrize("error", [Unavailable("no"), Unclear("cut off")])
async def test_a_failed_claim_call_is_repeated_or_resolved(error: Exception) -> None:
    rig = Rig()
    rig.store.on("insert_guards", fails(error))
    assert counts(await rig.process(rig.pack("a", "b"))) == [{"stored": 2}]
    assert sorted(rig.names()) == ["a", "b"]


@pytest.mark.parametrize("error", [Unavailable("no"), Unclear("cut off")])
async def test_a_failed_commit_call_is_repeated_or_resolved(error: Exception) -> None:
    rig = Rig()
    rig.store.on("insert_events", fails(error))
    assert counts(await rig.process(rig.pack("a", "b"))) == [{"stored": 2}]
    assert sorted(rig.names()) == ["a", "b"]


async def test_a_throttled_statement_is_repeated() -> None:
    rig = Rig()
    rig.store.on("insert_guards", answers(Outcome.THROTTLED))
    rig.store.on("insert_events", answers(Outcome.THROTTLED))
    assert counts(await rig.process(rig.pack("a"))) == [{"stored": 1}]
    assert rig.names() == ["a"]


async def test_an_unclear_statement_that_took_effect_is_confirmed_at_once_and_does_not_move() -> None:
    rig = Rig()
    rig.store.on("insert_events", reports(Outcome.UNCLEAR, Outcome.DONE))
    assert counts(await rig.process(rig.pack("a", "b"))) == [{"stored": 2}]
    assert rig.store.calls == ["insert_guards", "insert_events", "read_events"]
    assert [guard.position for guard in rig.memory.guards()] == [event.place.position for event in rig.listed()]


async def test_a_refused_event_goes_to_the_dlq_alone_and_the_rest_commits() -> None:
    rig = Rig()
    pack = rig.pack("a", "b", "c")
    rig.store.on("insert_events", refuses(1, rig.memory), REFUSED)
    [disposition] = await rig.process(pack)
    assert (disposition.action, disposition.counts) == (Action.DELETE, {"stored": 2, "dead": 1})
    assert rig.names() == ["a", "c"]
    [dead_letter] = await rig.dlq.receive(limit=10, wait_seconds=0, visibility_seconds=60)
    dead = packs.decode(dead_letter.body)
    assert isinstance(dead, EventPack)
    assert (dead.tenant, dead.key_id, dead.accepted_at) == (pack.tenant, pack.key_id, pack.accepted_at)
    assert dead.events == [pack.events[1]]
    assert dead_letter.attributes == {"reason": "the store refuses the event"}


async def test_an_event_whose_guard_is_refused_goes_to_the_dlq() -> None:
    rig = Rig()
    rig.store.on("insert_guards", REFUSED, REFUSED)
    [disposition] = await rig.process(rig.pack("a"))
    assert (disposition.action, disposition.counts) == (Action.DELETE, {"dead": 1})
    [dead_letter] = await rig.dlq.receive(limit=1, wait_seconds=0, visibility_seconds=60)
    assert dead_letter.attributes == {"reason": "the store refuses its guard"}


async def test_above_the_limit_dead_letters_stay_in_the_queue() -> None:
    rig = Rig(Settings(dead_letters_per_minute=1))
    rig.store.on("insert_guards", answers(Outcome.REFUSED, Outcome.REFUSED), REFUSED, REFUSED)
    [disposition] = await rig.process(rig.pack("a", "b"))
    assert (disposition.action, disposition.counts) == (Action.RETRY, {"dead": 1, "postponed": 1})


async def test_an_event_that_the_dlq_does_not_take_stays_in_the_queue() -> None:
    rig = Rig()
    rig.store.on("insert_guards", REFUSED, REFUSED)
    rig.sink.on("send", fails(Unavailable("no")))
    [disposition] = await rig.process(rig.pack("a"))
    assert (disposition.action, disposition.counts) == (Action.RETRY, {"postponed": 1})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "unknown pack version ''"),
        ("x", "unknown pack version 'x'"),
        ("pAAAA", "unreadable pack: "),
        ("z!", "unreadable pack: Error: Only base64 data is allowed"),
        ("pW10=", "unreadable pack: ValidationError: "),
    ],
)
async def test_an_unreadable_pack_is_left_to_the_redrive_with_the_reason(body: str, reason: str) -> None:
    rig = Rig()
    readable = message(rig.pack("a"))
    bad, good = await rig.processor.process([message(body, receives=2), readable])
    assert (bad.action, bad.delay_seconds, bad.tenant) == (Action.LEAVE, 5, None)
    assert (bad.reason or "").startswith(reason)
    assert good.action is Action.DELETE
    assert rig.names() == ["a"]


async def test_above_the_limit_an_unreadable_pack_does_not_use_its_last_delivery() -> None:
    rig = Rig(Settings(dead_letters_per_minute=1))
    last_but_one = SETTINGS.max_receives - 1
    receives = (1, last_but_one - 1, last_but_one, last_but_one)
    dispositions = await rig.processor.process([message("x", number) for number in receives])
    assert [disposition.action for disposition in dispositions] == [*[Action.LEAVE] * 3, Action.RETRY]


async def test_a_bug_leaves_one_message_to_the_redrive_and_the_others_are_processed() -> None:
    rig = Rig()
    no_event = msgspec.structs.replace(rig.event("b"), body=msgspec.Raw(b"[]"))
    dispositions = await rig.process(rig.pack("a"), rig.pack(no_event), rig.pack("c"))
    assert [disposition.action for disposition in dispositions] == [Action.DELETE, Action.LEAVE, Action.DELETE]
    assert dispositions[1].reason == "processing failed: ValidationError"
    assert rig.names() == ["a", "c"]


async def test_a_bug_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.store.on("insert_guards", fails(ZeroDivisionError()))
    await rig.process(rig.pack("a"), rig.pack("b"))
    [record] = caplog.records
    assert (record.getMessage(), record.__dict__["messages"]) == ("processing failed", 2)
    assert record.exc_info


async def test_after_a_bug_the_others_are_not_processed_once_the_worker_gives_up() -> None:
    rig = Rig()
    no_event = msgspec.structs.replace(rig.event("b"), body=msgspec.Raw(b"[]"))
    dispositions = await rig.process(rig.pack("a"), rig.pack(no_event), give_up=lambda: True)
    assert [disposition.action for disposition in dispositions] == [Action.RETRY, Action.LEAVE]
    assert rig.store.calls == []


@pytest.mark.parametrize("call", ["insert_guards", "insert_events", "read_guard"])
async def test_the_reason_names_the_error_itself_whichever_call_it_comes_from(call: str) -> None:
    rig = Rig()
    await rig.store_events("known")
    rig.store.on(call, fails(ZeroDivisionError()))
    [disposition] = await rig.process(rig.pack("known", "new"))
    assert (disposition.action, disposition.reason) == (Action.LEAVE, "processing failed: ZeroDivisionError")


async def test_an_outage_is_retried_in_place() -> None:
    rig = Rig()
    rig.store.on("insert_guards", *[fails(Unavailable("down"))] * 20)
    [disposition] = await rig.process(rig.pack("a"))
    assert (disposition.action, disposition.counts) == (Action.DELETE, {"stored": 1})
    assert rig.clock.now_ms > 30_000


async def test_giving_up_postpones() -> None:
    rig = Rig()
    rig.store.on("insert_events", fails(Unavailable("down")))
    packs_given = rig.pack("a"), rig.removal("never")
    dispositions = await rig.process(*packs_given, give_up=lambda: True)
    assert [disposition.action for disposition in dispositions] == [Action.RETRY, Action.RETRY]
    assert counts(dispositions) == [{"postponed": 1}, {"postponed": 1}]
    assert counts(await rig.process(packs_given[0], receives=2)) == [{"stored": 1}]
    assert rig.names() == ["a"]


@pytest.mark.parametrize(("receives", "seconds"), [(1, 1), (2, 5), (3, 15), (4, 60), (40, 60)])
async def test_the_delay_grows_with_the_number_of_receives(receives: int, seconds: int) -> None:
    rig = Rig()
    rig.store.on("insert_guards", fails(Unavailable("down")))
    [disposition] = await rig.process(rig.pack("a"), receives=receives, give_up=lambda: True)
    assert disposition.delay_seconds == seconds
