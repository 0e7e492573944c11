"""The inbox app as it runs: its own clients, a real table and a real bucket."""

import time

import msgspec
from litestar.testing import AsyncTestClient

from shared.aws.clients import AwsClients
from shared.aws.event_store import DynamoStore
from shared.aws.key_store import DynamoKeyStore
from shared.aws.s3 import S3Bodies
from shared.clock import SystemClock
from shared.compression import compress
from shared.model import api_key
from shared.model.layout import Layout
from shared.model.position import Minter
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.layout import layouts_of
from worker.inbox import app


class InboxPage(msgspec.Struct):
    events: list[msgspec.Raw]
    next: str
    more: bool


async def test_events_are_read_back_byte_for_byte(aws_settings: Settings) -> None:
    payloads = [b'{"specversion":"1.0","data":[1.0, 1e999, "%b"]}' % (b"\xef\xbf\xbf" * size) for size in (1, 900, 9)]
    token, places = await fill(aws_settings, payloads)
    async with AsyncTestClient(app.create_app(aws_settings)) as client:
        assert (await client.get("/readyz")).status_code == 200
        seen: list[bytes] = []
        after: dict[str, str] = {}
        while len(seen) < len(payloads):
            answer = await client.get("/v1/inbox", params={"limit": "2", **after}, headers={"X-API-Key": token})
            page = msgspec.json.decode(answer.content, type=InboxPage)
            assert page.events
            seen += [bytes(event) for event in page.events]
            after = {"after": page.next}
    assert [event.partition(b',"inbox":')[0] for event in seen] == [payload[:-1] for payload in payloads]
    assert [event.removesuffix(b'"}')[-36:].decode() for event in seen] == places


async def fill(settings: Settings, payloads: list[bytes]) -> tuple[str, list[str]]:
    """Store the payloads, the last one in the bucket; return a key that reads them and their positions."""
    now_ms = time.time_ns() // 1_000_000
    minter = Minter(FakeClock(now_ms - 60_000))  # its positions have settled
    aws = AwsClients(settings)
    events = [
        StoredEvent(
            place=Place("tenant", "default", minter.mint()),
            type="t",
            body=compress(payload),
            accepted_at=now_ms,
            expires_at=now_ms // 1000 + 1000,
        )
        for payload in payloads
    ]
    events[-1] = msgspec.structs.replace(events[-1], body=b"", body_key="bodies/tenant/x")
    clock = SystemClock()
    layouts = layouts_of(Layout(), clock)
    async with aws.dynamodb() as client, aws.s3() as s3:
        await S3Bodies(s3, settings.bodies_bucket).put("bodies/tenant/x", payloads[-1])
        await DynamoStore(client, settings.dynamodb_table_events, layouts, clock).insert_events(events)
        key, token = api_key.create(tenant="tenant", name="n", scopes=[api_key.INBOX_READ], now_ms=now_ms)
        await DynamoKeyStore(client, settings.dynamodb_table_api_keys).put(key)
    return token, [event.place.position for event in events]
