"""The state of one event: the age of its positions, what they prove, and its digest."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from shared.model.errors import ClockWrong
from shared.model.event import Event
from shared.model.records import Outcome, StoredEvent, Tombstone
from shared.settings import Settings
from tests.unit.worker.commit.rig import NOISE, SETTINGS, Rig
from worker.commit import event_commit
from worker.commit.event_commit import EventCommit, Result

IN_TIME_MS = SETTINGS.commit_deadline_ms + SETTINGS.store_timeout_ms
PROOF_MS = SETTINGS.settle_ms - SETTINGS.clock_skew_ms


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def commit(rig: Rig) -> EventCommit:
    return rig.commit(rig.pack("e"))


def test_a_commit_in_time_takes_effect_before_any_reader_passes(rig: Rig) -> None:
    # A reader whose clock is ahead by the skew passes a position this long after it was minted, at the earliest.
    assert rig.rules.proof_ms == PROOF_MS
    assert IN_TIME_MS < PROOF_MS


def test_the_age_of_a_position_is_the_larger_of_two_clocks(rig: Rig, commit: EventCommit) -> None:
    position = commit.mint()
    rig.clock.advance(0.1)
    assert commit.age_ms(position) == 100
    rig.clock.offset_ms = -70
    assert commit.age_ms(position) == 100
    rig.clock.offset_ms = 70
    assert commit.age_ms(position) == 170


def test_the_age_of_a_foreign_position_uses_the_wall_clock_only(rig: Rig, commit: EventCommit) -> None:
    position = rig.receipts.mint()
    rig.clock.advance(0.1)
    rig.clock.offset_ms = -70
    assert commit.age_ms(position) == 30


def test_a_position_may_be_committed_at_up_to_the_deadline(rig: Rig, commit: EventCommit) -> None:
    position = commit.mint()
    rig.clock.advance(SETTINGS.commit_deadline_ms / 1000)
    assert commit.may_commit(position)
    rig.clock.advance(0.001)
    assert not commit.may_commit(position)


def test_an_answer_is_in_time_up_to_the_deadline_and_one_timeout(rig: Rig, commit: EventCommit) -> None:
    position = commit.mint()
    rig.clock.advance(IN_TIME_MS / 1000)
    assert commit.was_in_time(position)
    rig.clock.advance(0.001)
    assert not commit.was_in_time(position)


def test_a_position_is_unsent_then_in_doubt_then_settled(rig: Rig, commit: EventCommit) -> None:
    position = commit.mint()
    assert (commit.is_unsent(position), commit.is_in_doubt(position)) == (True, False)
    commit.sent.add(position)
    assert (commit.is_unsent(position), commit.is_in_doubt(position)) == (False, True)
    commit.record_outcome(position, Outcome.DONE)
    assert (commit.result, commit.is_in_doubt(position)) == (Result.STORED, False)
    assert not commit.is_unsent(rig.receipts.mint())


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.REFUSED])
def test_a_statement_that_was_not_run_leaves_its_position_unsent(commit: EventCommit, outcome: Outcome) -> None:
    position = commit.mint()
    commit.sent.add(position)
    commit.record_outcome(position, outcome)
    assert commit.is_unsent(position)


@pytest.mark.parametrize("outcome", [Outcome.UNCLEAR, Outcome.EXISTS])
def test_a_statement_that_may_have_been_run_leaves_its_position_in_doubt(commit: EventCommit, outcome: Outcome) -> None:
    position = commit.mint()
    commit.sent.add(position)
    commit.record_outcome(position, outcome)
    assert commit.is_in_doubt(position)


def test_a_late_read_proves_nothing(rig: Rig, commit: EventCommit) -> None:
    position = commit.mint()
    rig.clock.advance(PROOF_MS / 1000)
    commit.confirm(position, commit.stored_at(position))
    assert commit.result is None


def test_a_read_before_any_reader_can_have_passed_confirms_the_commit(rig: Rig, commit: EventCommit) -> None:
    position = commit.mint()
    rig.clock.advance((PROOF_MS - 1) / 1000)
    commit.confirm(position, commit.stored_at(position))
    assert commit.result is Result.STORED


def test_an_empty_position_and_a_tombstone_confirm_nothing(rig: Rig, commit: EventCommit) -> None:
    position = commit.mint()
    commit.confirm(position, None)
    commit.confirm(position, Tombstone(place=rig.place(position), moved_to=None, expires_at=0))
    assert commit.result is None


def of(rig: Rig, **body: object) -> Event:
    raw = msgspec.Raw(json.dumps({"type": "t", **body}).encode())
    return msgspec.structs.replace(rig.event("e"), body=raw)


@pytest.mark.parametrize(
    "other", [{"type": "u"}, {"subject": "s"}, {"data": 2}, {"data": "1"}, {"data_base64": "MQ=="}, {"data": None}]
)
def test_events_that_differ_in_content_have_different_digests(rig: Rig, other: dict[str, object]) -> None:
    first, second = of(rig, data=1), of(rig, **{"data": 1, **other})
    assert rig.commit(rig.pack(first)).digest != rig.commit(rig.pack(second)).digest


def test_a_repeat_with_another_time_has_the_same_digest(rig: Rig) -> None:
    first, second = of(rig, data=1, time="2026-01-01T00:00:00Z"), of(rig, data=1, time="2026-01-01T00:00:09Z")
    assert rig.commit(rig.pack(first)).digest == rig.commit(rig.pack(second)).digest


def test_a_body_is_stored_as_a_zstd_frame_if_that_is_smaller(rig: Rig) -> None:
    small, large = rig.event("small"), rig.event("large", data="x" * 1000)
    stored: list[StoredEvent] = [
        commit.stored_at(commit.mint()) for commit in map(rig.commit, map(rig.pack, (small, large)))
    ]
    assert stored[0].body == bytes(small.body)
    assert len(stored[1].body) < 200


async def test_only_a_large_body_must_be_offloaded() -> None:
    rig = Rig(Settings(inline_body_bytes=200))
    small, big = rig.commit(rig.pack("small")), rig.commit(rig.pack(rig.event("big", data=NOISE)))
    assert [small.is_offloaded, big.is_offloaded] == [True, False]
    await big.offload_body(rig.bucket)
    assert big.is_offloaded


async def test_a_body_is_offloaded_once() -> None:
    rig = Rig(Settings(inline_body_bytes=1))
    commit = rig.commit(rig.pack("e"))
    await commit.offload_body(rig.bucket)
    rig.bucket.bodies.clear()
    await commit.offload_body(rig.bucket)
    assert rig.bucket.bodies == {}
    assert commit.body == bytes(commit.event.body)


def test_an_event_expires_once_it_is_older_than_its_life(rig: Rig) -> None:
    accepted_at = rig.clock.wall_ms() - rig.rules.event_ttl_seconds * 1000
    assert not rig.rules.is_expired(accepted_at)
    assert rig.rules.is_expired(accepted_at - 1)


def test_a_commit_keeps_what_a_dead_letter_needs(rig: Rig) -> None:
    pack = replace(rig.pack("e"), window_seconds=7)
    commit = rig.commit(pack)
    assert (commit.key_id, commit.pack_window_seconds, commit.window_ms) == (pack.key_id, 7, 7000)


def test_a_stored_event_and_its_guard_follow_from_the_pack(rig: Rig) -> None:
    pack = replace(rig.pack("e"), accepted_at=1_764_000_000_999)
    commit, position = rig.commit(pack), rig.receipts.mint()
    stored, guard = commit.stored_at(position), commit.guard_at(position)
    accepted_s = 1_764_000_000
    assert (stored.type, stored.accepted_at, stored.place.position) == (commit.event.type, pack.accepted_at, position)
    assert repr(stored.expires_at) == repr(accepted_s + rig.rules.event_ttl_seconds)
    assert repr(guard.expires_at) == repr(accepted_s + rig.rules.guard_ttl_seconds)
    assert (guard.identity, guard.receipt, guard.digest) == (commit.identity, commit.event.receipt, commit.digest)


def test_a_body_of_the_inline_limit_is_stored_in_its_item(rig: Rig, commit: EventCommit) -> None:
    size = len(commit.body)
    for limit, is_inline in ((size, True), (size - 1, False)):
        rules = replace(rig.rules, settings=replace(rig.rules.settings, inline_body_bytes=limit))
        pack = rig.pack("e")
        assert (EventCommit(pack.events[0], pack, rules).body_key is None) is is_inline


def test_a_move_that_was_answered_is_no_longer_pending(rig: Rig, commit: EventCommit) -> None:
    guard = commit.guard_at(rig.receipts.mint())
    assert not commit.may_still_move(guard)
    commit.begin_move(guard, commit.mint())
    assert commit.may_still_move(guard)
    commit.end_move(guard)
    assert not commit.may_still_move(guard)


def test_the_digest_of_a_content_never_changes() -> None:
    """Stored guards have it: with another, every repeat after a deploy would count as a conflict."""
    body = b'{"specversion":"1.0","id":"e","source":"/","type":"t","subject":"s","data":{"a":1}}'
    event = Event(receipt="r", id="e", source="/", inbox="orders", type="t", body=msgspec.Raw(body))
    assert event_commit._digest(event) == "058320dda64a635d"  # noqa: SLF001


def test_what_has_expired_is_past_from_that_second_on(rig: Rig) -> None:
    rig.date_answer()
    expires_at = rig.clock.wall_ms() // 1000 + 3
    rig.clock.advance((expires_at * 1000 - 1 - rig.clock.wall_ms()) / 1000)
    assert not rig.rules.is_past(expires_at)
    rig.clock.advance(0.001)
    assert rig.clock.wall_ms() == expires_at * 1000
    assert rig.rules.is_past(expires_at)


def test_a_wrong_clock_does_not_say_what_is_past(rig: Rig) -> None:
    expires_at = rig.clock.wall_ms() // 1000 + 100
    rig.date_answer()
    rig.clock.offset_ms = 300_000
    assert not rig.rules.is_past(rig.clock.wall_ms() // 1000 + 1)
    with pytest.raises(ClockWrong, match="s ahead"):
        rig.rules.is_past(expires_at)
