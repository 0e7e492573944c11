"""Settings with names of their own, and what they name, made in the emulator."""

import uuid

from msgspec.structs import replace

from shared.aws.provision import provision
from shared.settings import Settings


async def provisioned(**changes: object) -> Settings:
    """Return settings whose times suit the emulator's speed, once their queues, tables and bucket are there."""
    unique = uuid.uuid4().hex[:12]
    settings = Settings(
        queue_name=f"queue-{unique}",
        dlq_name=f"dlq-{unique}",
        dynamodb_table_events=f"events-{unique}",
        dynamodb_table_api_keys=f"keys-{unique}",
        dynamodb_table_groups=f"groups-{unique}",
        dynamodb_table_sources=f"sources-{unique}",
        bodies_bucket=f"bodies-{unique}",
        commit_deadline_ms=400,
        store_timeout_ms=2000,
        clock_skew_ms=50,
        settle_ms=2600,
    )
    settings = replace(settings, **changes)
    await provision(settings)
    return settings
