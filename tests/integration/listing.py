"""What an inbox lists, read from the beginning as a consumer that follows its cursor would."""

import asyncio

import msgspec

from shared.aws.clients import AwsClients
from shared.aws.event_reader import DynamoReader
from shared.aws.s3 import S3Bodies
from shared.clock import SystemClock
from shared.settings import Settings
from worker.inbox.reader import Inbox


class _Listed(msgspec.Struct):
    id: str
    position: str


async def listed(settings: Settings, tenant: str = "acme", inbox: str = "default") -> dict[str, str]:
    """Return the ids of all listed events, in order, with their positions; fails if one is listed twice.

    Waits until everything committed by now has settled.
    """
    found: list[_Listed] = []
    await asyncio.sleep(settings.settle_ms / 1000)
    aws = AwsClients(settings)
    async with aws.dynamodb() as dynamodb, aws.s3() as s3:
        bodies = S3Bodies(s3, settings.bodies_bucket)
        reader = Inbox(DynamoReader(dynamodb, settings), bodies, SystemClock(), settings)
        after, more = None, True
        while more:
            page = await reader.page(tenant, inbox, after, 1000)
            found += [msgspec.json.decode(event, type=_Listed) for event in page.events]
            after, more = page.end, page.more
        await reader.aclose()
    positions = {event.id: event.position for event in found}
    assert len(positions) == len(found), "an event is listed twice"
    return positions
