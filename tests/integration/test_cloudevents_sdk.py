"""The public CloudEvents SDK posts in each mode, and reads equal events from the inbox."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from shared.settings import Settings
from tests.integration.deployment import Deployment, Tenant, deployed

pytestmark = pytest.mark.slow

BATCH = "application/cloudevents-batch+json"
OURS = ("inbox", "receivedat", "position")

Data = dict[str, Any] | bytes


def an_event(number: int, data: Data | None, **attributes: object) -> CloudEvent:
    fields = {
        "id": f"event {number}/ü%20",
        "source": f"https://shop.example/orders?page={number}#top",
        "type": "order.created",
        "subject": 'José says "100 %" 😀',
        "time": datetime(2026, 11, 22, 17, 3, 11, 42_000, tzinfo=UTC),
    }
    return CloudEvent(fields | attributes, data)


def events() -> list[CloudEvent]:
    rng = random.Random(1)  # noqa: S311 - the same ones every time
    return [
        an_event(1, {"order": 1042, "nested": {"ü": [1, 2.5, None, True]}}, datacontenttype="application/json"),
        an_event(2, {"a": "b"}, datacontenttype="application/vnd.shop+json; charset=utf-8", tier="gold"),
        an_event(3, rng.randbytes(3000), datacontenttype="image/png", dataschema="https://shop.example/schema"),
        an_event(4, "plain ü".encode(), datacontenttype="text/plain; charset=utf-8"),
        an_event(5, None, tier="with space and \u20ac"),
        an_event(6, {"no": "type"}),
    ]


def attributes_of(event: CloudEvent) -> dict[str, Any]:
    return {name: value for name, value in event.get_attributes().items() if name not in OURS}


def read(raw: bytes) -> CloudEvent:
    event = from_structured_event(HTTPMessage({}, raw))
    assert isinstance(event, CloudEvent)
    assert event.get_attributes().keys() >= set(OURS)
    return event


async def read_back(deployment: Deployment, tenant: Tenant) -> dict[str, CloudEvent]:
    await deployment.settled()
    page = await tenant.get("/v1/inbox", accept=BATCH)
    assert page.headers["content-type"] == BATCH
    listed = [read(bytes(raw)) for raw in msgspec.json.decode(page.content, type=list[msgspec.Raw])]
    return {event.get_id(): event for event in listed}


def assert_equal(back: dict[str, CloudEvent], sent: Sequence[CloudEvent]) -> None:
    assert back.keys() == {event.get_id() for event in sent}
    for event in sent:
        found = back[event.get_id()]
        assert attributes_of(found) == attributes_of(event)
        assert found.get_data() == event.get_data()


@pytest.mark.parametrize("to_http", [to_structured_event, to_binary_event])
async def test_events_posted_one_by_one_are_read_back_equal(
    aws_settings: Settings, to_http: Callable[[CloudEvent], HTTPMessage]
) -> None:
    async with deployed(aws_settings) as deployment:
        tenant = await deployment.tenant("sdk")
        sent = events()
        for event in sent:
            message = to_http(event)
            answer = await tenant.post(message.body, **{"content-type": ""} | message.headers)
            assert answer.status_code == 202, answer.text
            assert answer.json()["id"] == event.get_id()
        assert_equal(await read_back(deployment, tenant), sent)


async def test_a_batch_is_read_back_equal_and_can_be_sent_on_as_it_was_read(aws_settings: Settings) -> None:
    async with deployed(aws_settings) as deployment:
        first, second = await deployment.tenant("first"), await deployment.tenant("second")
        sent = [*events(), an_event(7, {}, flag=True, count=-5, empty="")]
        body = b"[" + b",".join(to_structured_event(event).body for event in sent) + b"]"
        assert len(await first.accept(body, **{"content-type": BATCH})) == len(sent)
        assert_equal(await read_back(deployment, first), sent)
        page = await first.get("/v1/inbox", accept=BATCH)
        assert len(await second.accept(page.content, **{"content-type": BATCH})) == len(sent)
        assert_equal(await read_back(deployment, second), sent)
