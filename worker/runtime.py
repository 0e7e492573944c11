"""Assembles the write path from a backend, for the long-running worker and the Lambda function."""

import sys

from shared.clock import Clock
from shared.model.position import Minter
from shared.ports import Backend
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor

# Ingest limits the depth of `data` (MAX_DATA_DEPTH); a pack nests it a few levels deeper.
_RECURSION_LIMIT = 4000


async def open_processor(backend: Backend, settings: Settings, clock: Clock, metrics: Metrics) -> Processor:
    """Return a processor that uses `backend`.

    Raises `Unavailable` if the table or the DLQ does not answer, and `InvalidSettings` if the table was created with
    other settings.
    """
    sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
    dlq = await backend.dlq()
    backend.service_time.report_to(metrics, clock)
    return Processor(
        store=await backend.event_store(),
        bodies=await backend.bodies(),
        dead_letters=DeadLetters(dlq, clock, per_minute=settings.dead_letters_per_minute, metrics=metrics),
        rules=CommitRules(clock=clock, minter=Minter(clock), settings=settings, service_time=backend.service_time),
        metrics=metrics,
    )
