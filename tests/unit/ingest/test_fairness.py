"""What a key may cost before its request is known, and what others notice of it."""

import asyncio
import gzip
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from ingest.formats.validation import items_of
from shared.model.event import MAX_EVENTS_PER_REQUEST
from shared.settings import Settings
from tests.fakes.app import check_problem
from tests.unit.ingest.serving import World

EVENT = b'{"type":"a"}'
BOMB = gzip.compress(b"[" + b"0," * 262_142 + b"0]", mtime=0)
NDJSON = "application/x-ndjson"


class Stalled:
    """A body that never comes; `asked` once the server has begun to read it."""

    def __init__(self) -> None:
        self.asked = False
        self.end = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.asked = True
        await self.end.wait()
        yield EVENT


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_key_without_tokens_is_refused_before_its_body_is_read(world: World) -> None:
    token = await world.token(rate=1, burst=1)
    assert (await world.post(EVENT, x_api_key=token)).status_code == 202
    body = Stalled()
    answer = await world.post(aiter(body), x_api_key=token, content_length="12")
    check_problem(answer, 429)
    assert not body.asked


async def test_stalled_bodies_of_a_slow_key_end_with_its_burst(world: World) -> None:
    token = await world.token(rate=10, burst=20)
    assert (await world.post(EVENT, x_api_key=token)).status_code == 202  # the key is now cached
    posts = [
        asyncio.create_task(world.post(aiter(Stalled()), x_api_key=token, content_length="12")) for _ in range(510)
    ]
    await settled()
    assert Counter(post.result().status_code for post in posts if post.done()) == {429: 491}
    assert (await world.post(EVENT)).status_code == 202
    for post in posts:
        post.cancel()
    await asyncio.gather(*posts, return_exceptions=True)


async def test_stalled_bodies_of_a_fast_key_leave_places_to_others() -> None:
    async with World(Settings(max_posts=100)).serving() as world:
        token = await world.token(rate=100_000, burst=100_000)
        assert (await world.post(EVENT, x_api_key=token)).status_code == 202  # the key is now cached
        posts = []
        for _ in range(11):
            posts += [asyncio.create_task(world.post(aiter(Stalled()), x_api_key=token)) for _ in range(50)]
            await settled()
        assert Counter(post.result().status_code for post in posts if post.done()) == {503: 500}
        answers = await asyncio.gather(*(world.post(EVENT) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {202}
        for post in posts:
            post.cancel()
        await asyncio.gather(*posts, return_exceptions=True)


async def test_a_refused_body_costs_as_much_as_its_size_and_an_accepted_one_what_it_holds(world: World) -> None:
    token = await world.token(rate=1, burst=20)
    large = b'{"type":"a","data":"%b"}' % (b"x" * 300_000)
    for body, headers in ((large, {}), (gzip.compress(large), {"content_encoding": "gzip"})):
        answer = await world.post(body, x_api_key=token, **headers)
        assert answer.status_code == 202
    assert answer.headers["ratelimit"] == '"default";r=18;t=2'
    statuses = [(await world.post(BOMB, x_api_key=token, content_encoding="gzip")).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]
    answer = await world.post(large[:-1], x_api_key=token)
    check_problem(answer, 429)
    assert answer.headers["retry-after"] == "2"


def test_a_batch_is_taken_apart_no_further_than_it_takes_to_refuse_it() -> None:
    assert len(items_of(gzip.decompress(BOMB))) == MAX_EVENTS_PER_REQUEST + 1
    for size in (0, 1, 999, 1000, 1001):
        assert len(items_of(b"[%b]" % b",".join([b"0"] * size))) == size


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", b"[%b]" % b",".join([EVENT] * 6)), (NDJSON, (EVENT + b"\n") * 6)],
)
async def test_a_batch_beyond_the_burst_is_not_put_off(world: World, content_type: str, body: bytes) -> None:
    token = await world.token(rate=1, burst=5)
    problem = check_problem(await world.post(body, x_api_key=token, content_type=content_type), 400)
    assert "burst is 5" in problem["errors"][0]["detail"]
    assert not world.queue.events


async def test_retry_after_is_the_time_until_the_whole_batch_can_be_paid(world: World) -> None:
    token = await world.token(rate=1, burst=10)
    batch = b"[%b]" % b",".join([EVENT] * 8)
    assert (await world.post(batch, x_api_key=token)).status_code == 202
    answer = await world.post(batch, x_api_key=token)
    check_problem(answer, 429)
    world.clock.advance(int(answer.headers["retry-after"]))
    assert (await world.post(batch, x_api_key=token)).status_code == 202


async def test_no_key_accepts_more_than_its_rate_and_burst_over_a_minute(world: World) -> None:
    choose = random.Random(15)  # noqa: S311 - a test
    for rate, burst in ((1, 1), (1, 60), (7, 1000)):
        token = await world.token(rate=rate, burst=burst)
        before = len(world.queue.events)
        for size in (burst, *(choose.choice([1, 2, burst, 1000]) for _ in range(599))):
            await world.post((EVENT + b"\n") * size, x_api_key=token, content_type=NDJSON)
            await asyncio.sleep(0)  # else all posts would be of one event-loop iteration
            world.clock.advance(0.1)
        accepted = len(world.queue.events) - before
        assert burst <= accepted <= 60 * rate + burst


async def test_acks_are_charged_before_their_body_is_read_too(world: World) -> None:
    token = await world.token(rate=1, burst=1, scopes=["inbox:ack"])
    check_problem(await world.post(b"{}", "/v1/acks", x_api_key=token), 400)
    body = Stalled()
    check_problem(await world.post(aiter(body), "/v1/acks", x_api_key=token, content_length="12"), 429)
    assert not body.asked
