"""When a worker gives an inbox more shards, and when fewer."""

import pytest
from msgspec.structs import replace

from shared.layouts import Layouts
from shared.memory.layout_store import MemoryLayoutStore
from shared.model.layout import Epoch, InboxName
from shared.model.position import Minter
from shared.model.records import Outcome, Place, StoredEvent
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.counted import counted
from tests.fakes.clock import FakeClock
from tests.fakes.scripted import answers
from tests.unit.worker.commit.rig import Rig, counts
from worker.commit.event_commit import CommitRules
from worker.commit.inbox_loads import InboxLoads
from worker.commit.inbox_scaling import InboxScaling
from worker.commit.processor import Processor

NAME = InboxName("acme", "orders")
SETTINGS = Settings()
LEAD_SECONDS = 60 + SETTINGS.clock_skew_ms / 1000
HOUR, DAY = 3600, 86_400


class Bench:
    """A worker's measurements, and the layout that it changes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.table = MemoryLayoutStore(self.clock)
        self.metrics = Metrics()
        self.start()

    def start(self) -> None:
        """Start a worker."""
        self.layouts = Layouts(self.table, self.clock, skew_ms=SETTINGS.clock_skew_ms)
        self.loads = InboxLoads(self.clock)
        rules = CommitRules(clock=self.clock, minter=Minter(self.clock), settings=SETTINGS)
        self.scaling = InboxScaling(self.layouts, self.loads, rules, self.metrics)

    async def write(self, per_second: int, seconds: int, *, throttled: int = 0, body: bytes = b"{}") -> None:
        """Insert `per_second` events each second, of which some are throttled."""
        event = StoredEvent(place=Place(*NAME, ""), type="t", body=body, accepted_at=0, expires_at=0)
        outcomes = [Outcome.THROTTLED] * throttled + [Outcome.DONE] * (per_second - throttled)
        for _ in range(seconds):
            self.loads.observe([event] * per_second, outcomes)
            await self.layouts.current()
            await self.scaling.run()
            self.clock.advance(1)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.layouts.current()
        await self.scaling.run()

    @property
    def shards(self) -> list[int]:
        sharding = self.table.layout.inboxes.get(NAME)
        return [epoch.shards for epoch in sharding.epochs] if sharding else []

    def changes(self, change: str) -> float:
        return self.metrics.shard_changes.of(change).value


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_more_than_half_of_a_partition_for_ten_seconds_doubles_an_inbox(bench: Bench) -> None:
    await bench.write(501, 11)
    assert bench.shards == [2]
    assert bench.changes("grown") == 1
    sharding = bench.table.layout.inboxes[NAME]
    assert sharding.epochs[0].from_ms == bench.clock.wall_ms() - 1000 + LEAD_SECONDS * 1000


@pytest.mark.parametrize(("per_second", "seconds"), [(499, 60), (4500, 1), (2000, 2)])
async def test_less_changes_nothing(bench: Bench, per_second: int, seconds: int) -> None:
    await bench.write(per_second, seconds)
    await bench.write(10, 30)
    assert bench.shards == []


async def test_events_count_by_their_size(bench: Bench) -> None:
    await bench.write(101, 11, body=b"x" * 4500)  # 5 units each
    assert bench.shards == [2]


async def test_throttling_for_half_of_the_time_doubles_an_inbox(bench: Bench) -> None:
    await bench.write(20, 11, throttled=1)
    assert bench.shards == [2]


async def test_throttling_now_and_then_changes_nothing(bench: Bench) -> None:
    for _ in range(10):
        await bench.write(20, 4, throttled=1)
        await bench.write(20, 26)
    assert bench.shards == []


async def test_it_doubles_again_only_by_what_it_measures_after_the_change(bench: Bench) -> None:
    await bench.write(900, 11)
    await bench.write(900, 59)
    assert bench.shards == [2]
    await bench.write(900, 60)  # less than half of two partitions
    assert bench.shards == [2]
    await bench.write(1100, 22)
    assert bench.shards == [2, 4]


async def test_there_are_at_most_64_shards(bench: Bench) -> None:
    await bench.layouts.scale(NAME, 64)
    await bench.write(20, 200, throttled=10)
    assert bench.shards == [64]


async def test_two_workers_double_an_inbox_once(bench: Bench) -> None:
    other = Bench()
    other.clock, other.table = bench.clock, bench.table
    other.start()
    await other.layouts.current()
    await bench.write(600, 10)
    other.loads.observe(*_hot())
    bench.clock.advance(10)
    for _ in range(2):
        other.loads.observe(*_hot())
        await bench.scaling.run()
        await other.scaling.run()
    await bench.write(600, 1)
    assert bench.shards == [2]


def _hot() -> tuple[list[StoredEvent], list[Outcome]]:
    event = StoredEvent(place=Place(*NAME, ""), type="t", body=b"{}", accepted_at=0, expires_at=0)
    return [event] * 9000, [Outcome.DONE] * 9000


async def test_it_shrinks_by_half_after_a_quiet_day(bench: Bench) -> None:
    await bench.layouts.scale(NAME, 4)
    await bench.pass_time(LEAD_SECONDS + DAY - 60)
    assert bench.shards == [4]
    await bench.pass_time(61)
    assert bench.shards == [4, 2]
    assert bench.changes("shrunk") == 1
    await bench.pass_time(LEAD_SECONDS + DAY + 61)
    assert bench.shards == [4, 2, 1]


@pytest.mark.parametrize("per_second", [40, 1500])  # a hundredth of four partitions, and nearly half
async def test_a_busy_inbox_does_not_shrink(bench: Bench, per_second: int) -> None:
    await bench.layouts.scale(NAME, 4)
    for _ in range(50):
        await bench.pass_time(HOUR)
        await bench.write(per_second + 1, 11)
    assert bench.shards == [4]


async def test_reports_of_a_busy_inbox_are_written_once_an_hour(bench: Bench) -> None:
    await bench.layouts.scale(NAME, 4)
    await bench.write(100, 90)
    version = bench.table.layout.version
    await bench.write(100, HOUR - 120)
    assert bench.table.layout.version == version
    await bench.write(100, 60)
    assert bench.table.layout.version == version + 1


async def test_epochs_are_forgotten_when_nothing_of_them_is_left(bench: Bench) -> None:
    await bench.layouts.scale(NAME, 2)
    await bench.pass_time(DAY + 120)
    await bench.pass_time((2 * SETTINGS.event_ttl_days + 1) * DAY)
    assert bench.shards == [2, 1]
    await bench.pass_time(120)
    assert bench.shards == []


async def test_a_full_layout_is_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.layouts.MAX_BYTES", 10)
    await bench.write(600, 11)
    assert bench.shards == []
    assert bench.metrics.layout_full.of().value == 1


async def test_old_epochs_stay_in_place_for_what_they_hold(bench: Bench) -> None:
    bench.table.layout = replace(bench.table.layout.scaled(NAME, 8, 5), version=1)
    await bench.pass_time(61)
    assert bench.table.layout.inboxes[NAME].epochs[0] == Epoch(5, 8)


async def test_a_processor_measures_what_it_writes_and_scales_its_inboxes() -> None:
    rig = Rig()
    rig.store.on("insert_events", *[answers(Outcome.THROTTLED)] * 12)  # for 20 s
    await rig.store_events("throttled")
    await rig.store_events("later")
    assert [sharding.epochs[-1].shards for sharding in rig.layouts.layout.inboxes.values()] == [2]
    assert counted(rig.metrics, "worker_shard_changes") == {"worker_shard_changes_total grown": 1}


async def test_a_processor_without_layouts_stores_as_usual() -> None:
    rig = Rig()
    rig.processor = Processor(store=rig.memory, bodies=rig.bucket, dead_letters=rig.dead_letters, rules=rig.rules)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
