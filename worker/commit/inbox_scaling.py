"""Gives an inbox more shards while it is written to faster than its partitions take, and fewer after a quiet day."""

import logging

from shared.layouts import LayoutFull, Layouts
from shared.model.errors import Unavailable, Unclear
from shared.model.layout import MAX_SHARDS, Epoch, InboxName, Layout
from shared.telemetry.catalog import Metrics
from worker.commit.event_commit import CommitRules
from worker.commit.inbox_loads import WINDOW_MS, InboxLoads, LoadWindow

PARTITION_UNITS = 1000
"""DynamoDB: write units that one partition takes a second."""

_HOT_SHARE = 0.5  # of what its shards take, from one worker: there are others
_HOT_THROTTLED_MS = WINDOW_MS // 2
_BUSY_SHARE = 0.01  # with up to 25 workers below this, half of the shards are at most half used
_QUIET_MS = 86_400_000
_REPORT_MS = 3_600_000
"""Between two reports that an inbox is busy."""

_CHECK_MS = 60_000
"""Between two searches for inboxes that have become quiet."""

_log = logging.getLogger("triggers.worker")


class InboxScaling:
    """Changes the layout by the loads that a worker measures. Each worker does so, and the first one wins."""

    def __init__(self, layouts: Layouts, loads: InboxLoads, rules: CommitRules, metrics: Metrics) -> None:
        self._layouts = layouts
        self._loads = loads
        self._clock = rules.clock
        self._kept_ms = rules.guard_ttl_seconds * 1000
        self._partition_units = PARTITION_UNITS
        self._next_check_ms = 0
        self._is_running = False
        self._changes = {change: metrics.shard_changes.of(change) for change in ("grown", "shrunk")}
        self._full = metrics.layout_full.of()

    async def run(self) -> None:
        """Change the layout if a load of the last seconds, or the quiet of a day, asks for it. Raises no error."""
        if self._is_running:
            return
        self._is_running = True
        try:
            await self._run()
        except LayoutFull:
            self._full.add()
            _log.warning("the layout has no room for more shards")
        except (Unavailable, Unclear) as error:
            _log.warning("the layout can't be changed", extra={"error": str(error)})
        finally:
            self._is_running = False

    async def _run(self) -> None:
        windows = self._loads.take_ended()
        if not windows and self._clock.monotonic_ms() < self._next_check_ms:
            return
        self._next_check_ms = self._clock.monotonic_ms() + _CHECK_MS
        # First by the copy that is there: a change begins with a read.
        known = self._layouts.latest
        if self._changed(known, windows, self._clock.wall_ms()) == known:
            return
        before = known

        def change(layout: Layout, now_ms: int) -> Layout:
            nonlocal before
            before = layout
            return self._changed(layout, windows, now_ms)

        if await self._layouts.change(change):
            self._report(before, self._layouts.latest)

    def _changed(self, layout: Layout, windows: dict[InboxName, LoadWindow], now_ms: int) -> Layout:
        effect_ms = now_ms + self._layouts.lead_ms
        busy: list[InboxName] = []
        for inbox, window in windows.items():
            last = _last(layout, inbox)
            share = window.units_per_second / (self._partition_units * last.shards)
            is_hot = share > _HOT_SHARE or window.throttled_ms >= _HOT_THROTTLED_MS
            # A window from before the last change says nothing about its effect.
            if is_hot and last.shards < MAX_SHARDS and last.from_ms <= window.began_ms:
                layout = layout.scaled(inbox, 2 * last.shards, effect_ms)
            if (is_hot or share > _BUSY_SHARE) and _reported_ms(layout, inbox) <= now_ms - _REPORT_MS:
                busy.append(inbox)
        layout = layout.busy(busy, now_ms)
        for inbox in layout.quiet(_QUIET_MS, now_ms):
            layout = layout.scaled(inbox, _last(layout, inbox).shards // 2, effect_ms)
        return layout.pruned(self._kept_ms, now_ms)

    def _report(self, before: Layout, after: Layout) -> None:
        for inbox in after.inboxes:
            old, new = _last(before, inbox).shards, _last(after, inbox).shards
            if old != new:
                self._changes["grown" if new > old else "shrunk"].add()
                _log.info("shards changed", extra={"tenant": inbox.tenant, "inbox": inbox.inbox, "shards": new})


def _last(layout: Layout, inbox: InboxName) -> Epoch:
    sharding = layout.inboxes.get(inbox)
    return Epoch(0, 1) if sharding is None else sharding.epochs[-1]


def _reported_ms(layout: Layout, inbox: InboxName) -> int:
    sharding = layout.inboxes.get(inbox)
    return 0 if sharding is None else sharding.busy_ms
