"""The whole path from POST to inbox, on the emulator."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from unicodedata import normalize
from urllib.parse import quote, unquote

import httpx
import msgspec
import pytest
import pytest_asyncio
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from shared.clock import SystemClock
from shared.containers import batches
from shared.model import pack as packs
from shared.model.event import MAX_REQUEST_BYTES, Event
from shared.model.pack import EventPack
from shared.model.position import Minter
from shared.model.records import Outcome
from shared.ports import Outgoing
from tests.integration.deployment import (
    DEADLINE_SECONDS,
    Deployment,
    Listed,
    Tenant,
    assert_in_order,
    batch,
    deployed,
    event,
)
from tests.integration.hostile_payloads import ACCEPTED, ENCODED, IN_BUCKET, REFUSED, TOO_LARGE
from tests.integration.payloads import webhooks
from tests.provisioned import provisioned

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LOOK_ALIKES: Sequence[Callable[[str], str]] = (
    lambda name: quote(name, safe=""),
    unquote,
    lambda name: name.replace("#", "/"),
    lambda name: f"{name}#",
    lambda name: f"{name}%",
    lambda name: f"{name}#default",
    str.upper,
    lambda name: normalize("NFD", name),
)
NAMES = st.text(alphabet="ab#/%23\\:|\u00e9\u0100\u6771", min_size=1, max_size=12)
PAIRS = st.builds(lambda name, alike: {name, alike(name)}, NAMES, st.sampled_from(LOOK_ALIKES))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pipeline(ministack: str) -> AsyncIterator[Deployment]:
    """One deployment for all tests but one; each uses its own tenants."""
    assert ministack
    async with deployed(await provisioned()) as deployment:
        yield deployment


def ids(listed: Sequence[Listed]) -> list[str]:
    return [one.id for one in listed]


async def test_a_posted_event_can_be_read(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("one event")
    (accepted,) = await acme.accept(event(b'{"n": 1.10}', source="/s", inbox="orders", type="order.made"))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (page := await acme.page(inbox="orders")).events:  # noqa: ASYNC110 - as a consumer does
            await asyncio.sleep(0.1)
    (listed,) = page.events
    assert (listed.id, listed.source, listed.inbox) == (accepted.id, accepted.source, accepted.inbox)
    assert (listed.type, bytes(listed.data)) == ("order.made", b'{"n": 1.10}')


async def test_webhooks_are_listed_once_and_with_the_bytes_that_were_posted(pipeline: Deployment) -> None:
    acme, posted = await pipeline.tenant("webhooks"), webhooks()
    sent: dict[str, bytes] = {}
    for some in batches(posted, 15):
        accepted = await acme.accept(batch(webhook.posted for webhook in some))
        sent |= zip((one.id for one in accepted), (webhook.data for webhook in some), strict=True)
    listed = await acme.everything()
    assert len(listed) == len(sent) == len(posted)
    assert {one.id: bytes(one.data) for one in listed} == sent


async def test_repeated_events_are_not_listed_again(pipeline: Deployment) -> None:
    acme, count = await pipeline.tenant("again"), 60
    named = [event(b"%d" % n, id=f"key:{n}") for n in range(count)]
    first = await acme.accept(batch(named))
    await pipeline.drained()
    again = await acme.accept(batch(named))
    unnamed = await acme.accept(batch(event(b"%d" % n) for n in range(count)), **{"idempotency-key": "key"})

    expected = [f"key:{n}" for n in range(count)]
    assert [one.id for one in first] == [one.id for one in again] == [one.id for one in unnamed] == expected
    assert len({one.receipt for one in (*first, *again, *unnamed)}) == 3 * count
    assert sorted(ids(await acme.everything())) == sorted(expected)


async def test_hostile_payloads_are_accepted_unchanged_or_refused(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("\U0001f680" * 64)  # the longest keys
    for body, words in REFUSED.items():
        assert re.search(words, said_of(await acme.post(body), 400), re.DOTALL), body[:100]
    assert f"{MAX_REQUEST_BYTES:,} bytes" in said_of(await acme.post(TOO_LARGE), 413)
    for name, data in {**ACCEPTED, **ENCODED}.items():
        await acme.accept(event(data, id=name))
    longest = {"id": "\U0001f680" * 255, "source": "/%23" + "x" * 251, "type": "\U0001f680" * 255}
    await acme.accept(batch([event(b"1", **longest)] * 2))

    events = await acme.everything()
    listed = {one.id: one.posted for one in events}

    assert listed == {**ACCEPTED, **ENCODED, longest["id"]: b"1"}
    assert {one.id for one in events if one.data_base64} == ENCODED.keys()
    keys = await pipeline.bucket_keys()
    assert keys
    assert all(key.startswith("bodies/%F0%9F%9A%80") for key in keys)
    assert len(listed[IN_BUCKET]) > MAX_REQUEST_BYTES - 100
    assert await (await pipeline.queue(pipeline.settings.dlq_name)).backlog() == 0


def said_of(answer: httpx.Response, status: int) -> str:
    """Return the detail of a problem, and the pointers of its errors."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    faults = [f"{fault['detail']} {fault.get('pointer')}" for fault in problem.get("errors", [])]
    assert faults or status != 400
    return "\n".join([problem["detail"], *faults])


async def test_identities_that_look_alike_are_different_events(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("identities")
    sources = ("/a", "/a#", "/a#b", "/a/b", "/a%23b", "/a%2523b", "/A", "/a/", "/")
    names = ("c", "b#c", "#c", "b/c", "%23c", "C", "/c", "guard", "c ", "\u00e9", "e\u0301")
    posted = [(source, name) for source in sources for name in names]
    await acme.accept(batch(event(b"1", source=source, id=name) for source, name in posted))
    assert sorted((one.source, one.id) for one in await acme.everything()) == sorted(posted)


# Each example takes seconds, and shrinking would take minutes.
@settings(max_examples=2, deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
@example(pairs=[{"a#b", "a/b", "a%23b"}, {"a", "b", "a#", "a#default", "a#default#0"}])
@given(pairs=st.lists(PAIRS, min_size=5, max_size=5))
async def test_tenants_that_look_alike_see_their_own_events_only(pipeline: Deployment, pairs: list[set[str]]) -> None:
    names, inbox = sorted(set[str]().union(*pairs)), Minter(SystemClock()).mint()  # for a name may come again
    tenants = await asyncio.gather(*map(pipeline.tenant, names))
    for name, tenant in zip(names, tenants, strict=True):
        await tenant.accept(event(msgspec.json.encode(name), id="same", source="/same", inbox=inbox))
    await pipeline.settled()
    for name, tenant in zip(names, tenants, strict=True):
        assert [msgspec.json.decode(one.data) for one in await tenant.listed(inbox)] == [name]


async def test_100_concurrent_posts_of_one_event_are_one_event(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("concurrent")
    named, unnamed = event(b"1", id="the one"), event(b"1")
    posts = [acme.accept(named) for _ in range(50)]
    posts += [acme.accept(unnamed, **{"idempotency-key": '"the one"'}) for _ in range(50)]
    answers = await asyncio.gather(*posts)
    assert {one.id for (one,) in answers} == {"the one"}
    assert len({one.receipt for (one,) in answers}) == 100
    assert ids(await acme.everything()) == ["the one"]


async def test_a_follower_sees_each_event_once_while_more_are_posted(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("followed")
    posting = asyncio.create_task(post_by_threes(acme, 15))
    seen: list[Listed] = []
    page = await acme.page(limit=7)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (posting.done() and len(seen) >= len(posting.result())):
            assert len(page.events) <= 7
            seen += page.events
            page = await acme.page(page.next, limit=7)
    assert_in_order(seen)
    assert sorted(ids(seen)) == sorted(posting.result())
    await pipeline.settled()
    assert (await acme.page(page.next)).events == []


async def post_by_threes(tenant: Tenant, times: int) -> list[str]:
    posted: list[str] = []
    for _ in range(times):
        posted += [one.id for one in await tenant.accept(batch([event(b"1")] * 3))]
        await asyncio.sleep(0.05)
    return posted


async def test_unreadable_messages_hold_nothing_up_and_end_in_the_dlq(ministack: str) -> None:
    assert ministack
    odd = Event(receipt=Minter(SystemClock()).mint(), id="1", source="/", inbox="i", type="t", body=msgspec.Raw(b"[]"))
    unreadable = {
        "no base64 at all \u2713",
        "zAAAA",
        "9e30=",
        packs.encode(EventPack(tenant="acme", key_id="k", accepted_at=SystemClock().wall_ms(), events=[odd])),
    }
    # More deliveries take minutes: the delay of an unreadable message grows each time.
    async with deployed(await provisioned(max_receives=1)) as deployment:
        acme, named = await deployment.tenant("acme"), deployment.settings
        queue, dlq = await deployment.queue(named.queue_name), await deployment.queue(named.dlq_name)
        await acme.accept(event(b"1", id="before"))
        assert set(await queue.send([Outgoing(body=body) for body in unreadable])) == {Outcome.DONE}
        await acme.accept(event(b"1", id="behind"))
        async with asyncio.timeout(DEADLINE_SECONDS):
            dead: set[str] = set()
            while dead != unreadable:
                messages = await dlq.receive(limit=10, wait_seconds=1, visibility_seconds=600)
                dead |= {message.body for message in messages}
        await acme.accept(event(b"1", id="later"))
        assert sorted(ids(await acme.everything())) == ["before", "behind", "later"]
