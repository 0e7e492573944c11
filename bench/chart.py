"""Draw `chart.svg` for docs/speed.md from the rows of a run."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.results import Row

CHART = Path(__file__).parent / "chart.svg"

_OURS, _THEIRS = "#2563eb", "#9ca3af"
_INK = "#6b7280"  # readable on white and on black
_PANELS = (
    ("ingest", "vs plain", "one event a POST", "requests a second and core"),
    ("ingest", "events a POST, vs plain", "100 events a POST", "events a second and core"),
    ("worker", "packs of 100", "worker", "events a CPU second"),
    ("inbox", "vs plain", "page of 100 events", "CPU ms, less is better"),
    ("storage", "vs plain", "a webhook", "write units, less is better"),
)


def draw(rows: Sequence[Row]) -> None:
    """Write the chart, with the panels that have rows."""
    found = [(title, unit, row) for name, part, title, unit in _PANELS for row in _pick(rows, name, part)]
    if not found:
        return
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "triggers", "font.size": 9, "text.color": _INK}):
        figure, panels = plt.subplots(len(found), 1, figsize=(7, 0.95 * len(found)), squeeze=False)
        for panel, (title, unit, row) in zip(panels.flat, found, strict=True):
            _panel(panel, title, unit, row)
        figure.tight_layout()
        figure.savefig(CHART, transparent=True, metadata={"Date": None})
        plt.close(figure)


def _pick(rows: Sequence[Row], name: str, part: str) -> list[Row]:
    return [row for row in rows if row.name == name and part in row.what and row.theirs is not None][:1]


def _panel(panel: Axes, title: str, unit: str, row: Row) -> None:
    values = [row.theirs.median if row.theirs else 0.0, row.ours.median]
    bars = panel.barh(["plain build", "Triggers"], values, color=[_THEIRS, _OURS], height=0.7)
    panel.bar_label(bars, labels=[f"{value:,.0f}" if value >= 100 else f"{value:.2g}" for value in values], padding=3)  # noqa: PLR2004
    panel.set_title(f"{title}: {unit}", loc="left", fontsize=9)
    panel.set_xlim(0, max(values) * 1.12)
    panel.set_xticks([])
    panel.tick_params(length=0, colors=_INK)
    for spine in panel.spines.values():
        spine.set_visible(False)
