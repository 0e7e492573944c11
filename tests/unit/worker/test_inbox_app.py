"""GET /v1/inbox over HTTP: who may read, what is answered, and what the document says about it."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from shared import keys
from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.key_store import MemoryKeyStore
from shared.memory import MemoryBodies, MemoryStore
from shared.position import Minter
from shared.records import Place, StoredEvent
from shared.settings import Settings
from worker import inbox_app

NOW_MS = 1_800_000_000_000
Client = AsyncTestClient[Litestar]


class Clock(SystemClock):
    def wall_ms(self) -> int:
        return NOW_MS

    def monotonic_ms(self) -> int:
        return 0


class Store(MemoryStore):
    down = False

    async def ready(self) -> None:
        if self.down:
            raise Unavailable("no table")


@pytest.fixture
def store() -> Store:
    return Store(Clock())


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    key_store, clock = MemoryKeyStore(), Clock()
    tokens = {}
    for name, tenant, scope, types in (
        ("a#b", "a#b", keys.INBOX_READ, ()),
        ("a/b", "a/b", keys.INBOX_READ, ()),
        ("writer", "a#b", keys.EVENTS_WRITE, ()),
        ("orders only", "a#b", keys.INBOX_READ, ("order.*",)),
        ("any type", "a#b", keys.INBOX_READ, ("order.*", "*")),
    ):
        key, tokens[name] = keys.create(
            tenant=tenant, name="test", scopes=[scope], types=types, now_ms=NOW_MS, burst=20
        )
        await key_store.put(key)
    app = inbox_app.create_app(Settings(), store=store, bodies=MemoryBodies(), keys=key_store, clock=clock)
    async with AsyncTestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {tokens['a#b']}"
        client.tokens = tokens  # type: ignore[attr-defined]
        yield client


def token_of(client: Client, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.tokens[name]}"}  # type: ignore[attr-defined]


async def put(store: Store, count: int, kind: str = "t") -> list[str]:
    class Earlier(Clock):
        def wall_ms(self) -> int:
            return NOW_MS - 10_000

    minter = Minter(Earlier())
    places = [minter.mint() for _ in range(count)]
    for index, place in enumerate(places):
        body = b'{"specversion":"1.0","id":"%d","data":[1.0, 1e99]}' % index
        await store.insert_events(
            [
                StoredEvent(
                    place=Place("a#b", "default", place),
                    type=kind,
                    body=body,
                    accepted_at=NOW_MS - 10_000,
                    expires_at=NOW_MS,
                )
            ]
        )
    return places


class Placed(msgspec.Struct):
    position: str


class InboxPage(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]
    next: str
    more: bool


async def read(client: Client, **params: str) -> InboxPage:
    answer = await client.get("/v1/inbox", params=params)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=InboxPage)


async def test_following_the_cursor_hands_out_everything_once(client: Client, store: Store) -> None:
    places = await put(store, 25)
    seen: list[str] = []
    page = await read(client, limit="10")
    while page.events:
        seen += [msgspec.json.decode(event, type=Placed).position for event in page.events]
        assert page.more == (len(seen) < 25)
        page = await read(client, limit="10", after=page.next)
    assert seen == places


async def test_an_event_is_what_was_stored_with_three_members_behind(client: Client, store: Store) -> None:
    [place] = await put(store, 1)
    [event] = (await read(client)).events
    assert bytes(event).startswith(
        b'{"specversion":"1.0","id":"0","data":[1.0, 1e99],"inbox":"default","receivedat":"2'
    )
    assert bytes(event).endswith(b'Z","position":"%b"}' % place.encode())


async def test_an_empty_inbox_gives_a_cursor_that_stays(client: Client) -> None:
    page = await read(client, inbox="nobody-wrote-here")
    assert not page.events
    assert not page.more
    assert (await read(client, inbox="nobody-wrote-here", after=page.next)).next == page.next


async def test_an_answer_is_kept_by_nobody(client: Client) -> None:
    answer = await client.get("/v1/inbox")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert "x-request-id" in answer.headers


async def test_tenants_with_names_alike_see_nothing_of_each_other(client: Client, store: Store) -> None:
    await put(store, 3)
    answer = await client.get("/v1/inbox", headers=token_of(client, "a/b"))
    assert answer.json()["events"] == []


async def test_a_cursor_of_another_inbox_is_refused(client: Client) -> None:
    page = await read(client, inbox="one")
    answer = await client.get("/v1/inbox", params={"inbox": "two", "after": page.next})
    assert answer.status_code == 400


async def test_every_fault_of_the_query_is_listed(client: Client) -> None:
    answer = await client.get("/v1/inbox?limit=0&wait=5&inbox=A")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/wait", "/inbox", "/limit"]


async def test_a_key_without_the_scope_may_not_read(client: Client) -> None:
    answer = await client.get("/v1/inbox", headers=token_of(client, "writer"))
    assert answer.status_code == 403


async def test_a_key_for_some_types_reads_no_others(client: Client, store: Store) -> None:
    await put(store, 2, "order.paid")
    await put(store, 3, "orders")
    answers = [await client.get("/v1/inbox", headers=token_of(client, name)) for name in ("orders only", "any type")]
    assert [len(answer.json()["events"]) for answer in answers] == [2, 5]


async def test_no_key_no_answer(client: Client) -> None:
    del client.headers["Authorization"]
    assert (await client.get("/v1/inbox")).status_code == 401


async def test_a_read_costs_one(client: Client) -> None:
    left = [(await client.get("/v1/inbox")).headers["ratelimit"] for _ in range(2)]
    assert [part.split(";")[1] for part in left] == ["r=19", "r=18"]


async def test_ready_while_the_table_answers(client: Client) -> None:
    assert (await client.get("/readyz")).status_code == 200


async def test_not_ready_without_the_table(client: Client, store: Store) -> None:
    store.down = True
    assert (await client.get("/readyz")).status_code == 503


async def test_before_the_start_nothing_is_ready() -> None:
    with pytest.raises(Unavailable, match="starting"):
        await inbox_app.part(Settings()).ready()


async def test_the_document_describes_it_with_examples_and_errors(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/v1/inbox"]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["inbox", "after", "limit"]
    assert set(operation["responses"]) == {"200", "400", "401", "403", "429", "503"}
    assert all(
        "example" in content for answer in operation["responses"].values() for content in answer["content"].values()
    )
    named = msgspec.json.encode(operation).decode().split('"#/components/schemas/')[1:]
    assert {name.split('"')[0] for name in named} <= set(document["components"]["schemas"])


async def test_the_example_is_a_page_that_this_api_could_answer(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    example = document["paths"]["/v1/inbox"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert msgspec.json.decode(msgspec.json.encode(example), type=InboxPage).events
    assert (await read(client, after=example["next"])).events == []
