"""`docs/metrics.md` and the Grafana dashboard name the metrics of `shared.telemetry.catalog`, and no others."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec

from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import AnyFamily

ROOT = Path(__file__).parents[2]
FAMILIES = {family.name: family for family in Metrics().families}
NAMED = re.compile(r"\b(?:triggers|process)_[a-z_]+")
SELECTED = re.compile(r"\b(triggers_[a-z_]+)\{([^}]*)\}")
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}


def expressions() -> list[str]:
    """Return every PromQL expression of the dashboard and the page."""
    dashboard = msgspec.json.decode((ROOT / "docs" / "grafana.json").read_bytes())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    page = (ROOT / "docs" / "metrics.md").read_text()
    watched = page[page.index("## What to watch") :]
    return asked + [found for found in re.findall(r"`([^`]+)`", watched) if "triggers_" in found]


def family_of(name: str) -> AnyFamily:
    """Return the family of a series; a histogram has three series."""
    family = FAMILIES.get(name) or FAMILIES.get(re.sub(r"_(bucket|sum|count)$", "", name))
    assert family is not None, name
    assert (family.kind == "histogram") == (name != family.name), name
    return family


def test_the_page_matches_the_catalog() -> None:
    command = [sys.executable, str(ROOT / "script" / "metrics.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_every_queried_metric_exists() -> None:
    asked = {name for expression in expressions() for name in NAMED.findall(expression)}
    assert len(asked) > 30
    for name in asked - PROCESS:
        family_of(name)


def test_every_selected_label_has_that_value() -> None:
    selected = [found for expression in expressions() for found in SELECTED.findall(expression)]
    assert len(selected) > 5
    for name, selection in selected:
        labels = family_of(name).labels
        for label, value in re.findall(r'(\w+)!?="([^"]*)"', selection):
            assert value in labels[label], name


def test_the_dashboard_shows_every_metric() -> None:
    dashboard = (ROOT / "docs" / "grafana.json").read_text()
    assert [name for name in FAMILIES if name not in dashboard] == []


def test_panels_have_titles_and_places_of_their_own() -> None:
    panels = msgspec.json.decode((ROOT / "docs" / "grafana.json").read_bytes())["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert all(panel["title"] for panel in panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
