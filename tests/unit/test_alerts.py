"""The Prometheus rules: checked by promtool where it is installed, and against the catalog and the runbook."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.telemetry.catalog import Metrics

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "alerts.yml"
TESTS = ROOT / "tests" / "alerts" / "alerts_test.yml"
ALERTS = re.findall(r"alert: (\w+)", RULES.read_text())


# promtool comes with Prometheus: it is no package of Python that the set-up could install.
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("arguments", [("check", "rules", str(RULES)), ("test", "rules", str(TESTS))])
def test_promtool_accepts_the_rules_and_their_tests(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_use_metrics_that_exist() -> None:
    suffixes = {"counter": ("",), "gauge": ("",), "histogram": ("_count", "_bucket", "_sum")}
    known = {family.name + suffix for family in Metrics().families for suffix in suffixes[family.kind]}
    used = set(re.findall(r"triggers_\w+", RULES.read_text()))
    assert len(used) > 5
    assert used - known == set()


def test_each_alert_is_tested_to_fire_and_to_be_silent() -> None:
    tests = TESTS.read_text()
    silent = set(re.findall(r"- \{eval_time: \w+, alertname: (\w+)\}", tests))
    firing = set(re.findall(r"alertname: (\w+)\n +exp_alerts:", tests))
    assert silent == firing == set(ALERTS)


def test_each_alert_has_a_severity_and_a_section_in_the_runbook() -> None:
    headings = re.findall(r"^### (.+)$", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    explained = {name.strip() for heading in headings for name in heading.split(",")}
    assert set(ALERTS) - explained == set()
    assert len(re.findall(r"severity: (?:page|ticket)", RULES.read_text())) == len(ALERTS)
