"""An API process reports the depth of the queue."""

from ingest import app as ingest
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import build_app
from shared.web.queue_depth import watching_queue
from tests.fakes.app import AppWorld
from tests.fakes.waiting import until


async def test_ingest_reports_the_depth_of_the_queue_without_any_worker() -> None:
    def create(settings: Settings, *, metrics: Metrics, **world: object) -> object:
        part = watching_queue(ingest.part(settings, metrics=metrics), metrics)
        return build_app(settings, [part], metrics=metrics, **world)  # type: ignore[arg-type]

    world = AppWorld(create, key={"scopes": ["events:write"]}, keys={"default": {}})  # type: ignore[arg-type]
    depth = world.metrics.queue_messages.of("events")
    async with world.serving():
        await until(lambda: depth.value == 0)
