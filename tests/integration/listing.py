"""What an inbox lists, read from the beginning as a consumer that follows its cursor would."""

import asyncio

import msgspec
from types_aiobotocore_dynamodb import DynamoDBClient

from shared.aws.clients import AwsClients
from shared.aws.event_reader import DynamoReader
from shared.aws.layout_store import DynamoLayoutStore
from shared.aws.s3 import S3Bodies
from shared.clock import SystemClock
from shared.layouts import Layouts
from shared.settings import Settings
from worker.inbox.reader import Inbox


class _Listed(msgspec.Struct):
    id: str
    position: str


def reader_of(dynamodb: DynamoDBClient, settings: Settings) -> DynamoReader:
    """Return a reader of the events table, with the layout that it holds."""
    clock, table = SystemClock(), settings.dynamodb_table_events
    layouts = Layouts(DynamoLayoutStore(dynamodb, table), clock, skew_ms=settings.clock_skew_ms)
    return DynamoReader(dynamodb, table, layouts, clock)


async def listed(settings: Settings, tenant: str = "acme", inbox: str = "default") -> dict[str, str]:
    """Return the ids of all listed events, in order, with their positions; fails if one is listed twice.

    Waits until everything committed by now has settled.
    """
    found: list[_Listed] = []
    await asyncio.sleep(settings.settle_ms / 1000)
    aws = AwsClients(settings)
    async with aws.dynamodb() as dynamodb, aws.s3() as s3:
        bodies = S3Bodies(s3, settings.bodies_bucket)
        reader = Inbox(reader_of(dynamodb, settings), bodies, SystemClock(), settings)
        after, more = None, True
        while more:
            page = await reader.page(tenant, inbox, after, 1000)
            found += [msgspec.json.decode(event, type=_Listed) for event in page.events]
            after, more = page.end, page.more
        await reader.aclose()
    positions = {event.id: event.position for event in found}
    assert len(positions) == len(found), "an event is listed twice"
    return positions
