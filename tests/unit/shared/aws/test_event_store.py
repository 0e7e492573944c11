from typing import Any

import pytest
from msgspec.structs import replace

from shared.aws.event_store import DynamoStore
from shared.aws.items import Item, place_key, record_item
from shared.layout_ports import Reading
from shared.layouts import Layouts
from shared.memory.layout_store import MemoryLayoutStore
from shared.model.errors import Poison, Unavailable, Unclear
from shared.model.event import Identity
from shared.model.layout import Layout
from shared.model.position import time_of
from shared.model.records import Guard, Outcome, Place, QueryResult, StoredEvent
from shared.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.layout import layouts_of
from tests.unit.shared.aws.scripted import ScriptedClient, client_error

_SETTINGS = Settings(dynamodb_table_events="t")
_IDENTITY = Identity("acme", "default", "/", "1")
_POSITIONS = [f"01900000-0000-7000-8000-0000000000{number}0" for number in range(5)]
_END = "ffffffff-ffff-7fff-bfff-ffffffffffff"


def _store(*answers: object) -> tuple[DynamoStore, ScriptedClient, FakeClock]:
    client: Any = ScriptedClient(*answers)
    clock = FakeClock(1_000_000)
    layouts = layouts_of(Layout(), FakeClock(time_of(_POSITIONS[0])))
    return DynamoStore(client, _SETTINGS.dynamodb_table_events, layouts, clock), client, clock


def _place(number: int = 0) -> Place:
    return Place("acme", "default", _POSITIONS[number])


def _event(number: int = 0, expires_at: int = 1001) -> StoredEvent:
    return StoredEvent(place=_place(number), type="t", body=b"{}", accepted_at=1, expires_at=expires_at)


def _guard(*, current: bool = True) -> Guard:
    return Guard(
        identity=_IDENTITY,
        receipt="r" if current else "older",
        position=_POSITIONS[0],
        accepted_at=1,
        digest="d",
        expires_at=2,
        current=current,
        version=7 if current else 0,
    )


def _item(record: StoredEvent) -> Item:
    return record_item(record, Layout())


def _key(number: int) -> Item:
    return place_key(_place(number), Layout())


async def _query(store: DynamoStore, types: tuple[str, ...] = ()) -> QueryResult:
    return await store.query(_place(0), shard=0, before=_END, limit=3, types=types)


async def test_a_query_cut_off_with_no_items_says_how_far_it_looked() -> None:
    store, _, _ = _store({"Items": [], "LastEvaluatedKey": _key(3)})

    assert await _query(store, ("x",)) == QueryResult(events=[], scanned_to=_POSITIONS[3], stopped_at=_POSITIONS[3])


async def test_a_query_cut_off_behind_its_last_match_says_how_far_it_looked() -> None:
    store, _, _ = _store({"Items": [_item(_event(1))], "LastEvaluatedKey": _key(3)})

    assert await _query(store, ("t",)) == QueryResult(
        events=[_event(1)], scanned_to=_POSITIONS[3], stopped_at=_POSITIONS[3]
    )


async def test_a_query_names_bounds_that_include_nothing_of_the_cursor_s_own_position() -> None:
    store, client, _ = _store({"Items": []})

    await store.query(_place(1), shard=2, before=_POSITIONS[4], limit=3)

    [(_, arguments)] = client.calls
    values = arguments["ExpressionAttributeValues"]
    assert values[":pk"] == {"S": "inbox#acme#default#2"}
    assert values[":first"] == {"S": _POSITIONS[1][:-1] + "1"}
    assert values[":last"] == {"S": _POSITIONS[3][:-1] + "f"}
    assert arguments["ConsistentRead"]
    assert arguments["Limit"] == 3


async def test_an_event_expires_at_its_second() -> None:
    events = [_event(1, expires_at=999), _event(2, expires_at=1000), _event(3, expires_at=1001)]
    store, _, _ = _store({"Items": [_item(event) for event in events]})

    assert (await _query(store)).events == events[2:]


async def test_keys_that_a_read_left_out_are_asked_for_again() -> None:
    left = {"t": {"Keys": [_key(1)]}}
    store, client, clock = _store(
        {"Responses": {"t": [_item(_event(0))]}, "UnprocessedKeys": left},
        {"Responses": {}, "UnprocessedKeys": left},
        {"Responses": {"t": [_item(_event(1))]}, "UnprocessedKeys": {}},
    )

    assert await store.read_events([_place(0), _place(1), _place(2)]) == [_event(0), _event(1), None]

    assert [arguments["RequestItems"]["t"]["Keys"] for _, arguments in client.calls[1:]] == [[_key(1)]] * 2
    assert clock.slept_ms == sorted(clock.slept_ms)


async def test_keys_that_reads_keep_leaving_out_are_unavailable() -> None:
    answer = {"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [_key(0)]}}}
    store, client, _ = _store(*[answer] * 10)

    with pytest.raises(Unavailable):
        await store.read_events([_place(0)])

    assert len(client.calls) == 5


async def test_an_unclear_read_is_unavailable() -> None:
    store, _, _ = _store(*[client_error("InternalServerError", 500)] * 5)

    with pytest.raises(Unavailable):
        await _query(store)
    with pytest.raises(Unavailable):
        await store.read_guard(_IDENTITY)
    with pytest.raises(Unavailable):
        await store.read_guards(_IDENTITY)
    with pytest.raises(Unavailable):
        await store.read_events([_place()])
    with pytest.raises(Unavailable):
        await store.ready()


@pytest.mark.parametrize(
    ("code", "ours"),
    [("ThrottlingError", Unavailable), ("ValidationError", Unavailable), ("InternalServerError", Unclear)],
)
async def test_a_removal_that_did_not_surely_happen_is_an_error(code: str, ours: type[Exception]) -> None:
    store, _, _ = _store({"Responses": [{}, {"Error": {"Code": code}}]})

    with pytest.raises(ours):
        await store.remove_events([_place(0), _place(1)])


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (client_error("TransactionCanceledException", reasons=["None", "TransactionConflict"]), Unavailable),
        (client_error("TransactionCanceledException", reasons=["ThrottlingError", "None"]), Unavailable),
        (client_error("ThrottlingException"), Unavailable),
        (client_error("InternalServerError", 500), Unclear),
        (client_error("ValidationException"), Poison),
        (client_error("TransactionCanceledException", reasons=["None", "ValidationError"]), Poison),
    ],
    ids=repr,
)
async def test_a_change_that_was_not_judged_is_an_error(error: Exception, ours: type[Exception]) -> None:
    store, _, _ = _store(error)

    with pytest.raises(ours):
        await store.reposition(_guard(), _guard(), _event(1))


async def test_a_change_whose_condition_failed_beside_a_conflict_did_not_happen() -> None:
    reasons = ["TransactionConflict", "ConditionalCheckFailed"]
    store, _, _ = _store(client_error("TransactionCanceledException", reasons=reasons))

    assert not await store.erase(_guard(), replace(_guard(), erased_at=5))


async def test_a_prepared_store_inserts_events_without_another_call() -> None:
    class Table(MemoryLayoutStore):
        reads = 0

        async def read(self) -> Reading:
            self.reads += 1
            return await super().read()

    client: Any = ScriptedClient({"Responses": [{}]}, {})
    clock = FakeClock(time_of(_POSITIONS[0]))
    table = Table(clock)
    store = DynamoStore(client, "t", Layouts(table, clock, skew_ms=100), clock)
    await store.prepare()
    assert (table.reads, client.calls) == (1, [])
    assert await store.insert_events([_event()]) == [Outcome.DONE]
    assert table.reads == 1


async def test_a_change_to_an_older_guard_also_changes_the_current_one() -> None:
    store, client, _ = _store({})

    assert await store.erase(_guard(), replace(_guard(current=False), erased_at=5))

    [(_, arguments)] = client.calls
    current, older, *tombstones = [next(iter(part.values())) for part in arguments["TransactItems"]]
    assert current["Key"]["sk"] == {"S": "guard"}
    assert current["ExpressionAttributeValues"] == {
        ":receipt": {"S": "r"}, ":version": {"N": "7"}, ":new_version": {"N": "8"},
    }  # fmt: skip
    assert older["Key"]["sk"] == {"S": "older"}
    assert older["UpdateExpression"] == "SET #ttl = :new_ttl, #erased_at = :new_erased_at"
    assert [tombstone["Item"]["ttl"] for tombstone in tombstones] == [{"N": "87400"}] * 2


async def test_guards_and_events_are_inserted_under_names_that_the_table_keeps_for_itself() -> None:
    store, client, _ = _store({"Responses": [{}]}, {"Responses": [{}]}, {})

    assert await store.insert_guards([_guard()]) == [Outcome.DONE]
    assert await store.insert_events([_event()]) == [Outcome.DONE]

    *inserts, (_, recorded) = client.calls
    assert recorded["Item"] == {"pk": {"S": "inboxes#acme"}, "sk": {"S": "default"}, "ttl": {"N": str(1001 + 172_800)}}
    statements = [arguments["Statements"][0]["Statement"] for _, arguments in inserts]
    assert all(statement.startswith("INSERT INTO \"t\" VALUE {'pk': ?, 'sk': ?") for statement in statements)
