import asyncio

from shared.ports import Outgoing
from shared.telemetry.catalog import Metrics
from shared.telemetry.queue_depth import EVERY_MS, sampling
from tests.counted import counted
from tests.fakes.queue import FakeQueue
from tests.fakes.virtual_time import in_virtual_time
from tests.simulation.virtual import Process


@in_virtual_time
async def test_depths_are_sampled_repeatedly_and_unknown_after_an_error() -> None:
    clock, metrics = Process(asyncio.get_running_loop()), Metrics()
    events, dlq = FakeQueue(clock), FakeQueue(clock)
    await events.send([Outgoing(body="a"), Outgoing(body="b")])
    await dlq.send([Outgoing(body="c")])
    async with sampling({"events": events, "dlq": dlq}, metrics, clock):
        await clock.sleep_ms(1)
        assert counted(metrics) == {"queue_messages events": 2, "queue_messages dlq": 1}
        await events.send([Outgoing(body="d")])
        dlq.down = True
        await clock.sleep_ms(EVERY_MS)
        assert counted(metrics) == {"queue_messages events": 3}
        assert metrics.queue_messages.of("dlq").read() is None
        dlq.down = False
        await clock.sleep_ms(EVERY_MS)
        assert counted(metrics) == {"queue_messages events": 3, "queue_messages dlq": 1}
    await events.send([Outgoing(body="e")])
    await clock.sleep_ms(2 * EVERY_MS)
    assert counted(metrics)["queue_messages events"] == 3
