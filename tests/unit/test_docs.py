"""Everything that the documents name exists: links, settings, metrics, scripts, commands and options, alarms."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from cli.main import triggers
from shared import settings
from shared.telemetry.catalog import Metrics

ROOT = Path(__file__).parents[2]
FOREIGN = {"build", "mutants", "node_modules"}
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part in FOREIGN or part.startswith(".") for part in page.relative_to(ROOT).parts)
)
METRICS = {family.name: family.kind for family in Metrics().families}
RENAMED = {"triggers_worker_lanes": "triggers_worker_concurrency_limit"}
HISTORY = {"CHANGELOG.md", "upgrading.md"}  # they name both
OF_OTHERS = {
    "AWS_ENDPOINT_URL",  # the SDK's
    "AWS_LAMBDA_FUNCTION_NAME",  # Lambda's
    "AWS_PROFILE",  # the SDK's
    "CDK_DEFAULT_REGION",  # the CDK's
    "OTEL_EXPORTER_OTLP_ENDPOINT",  # OpenTelemetry's
    "TRIGGERS_API_KEY",  # the client's
    "TRIGGERS_URL",
}

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"(?<![\w/])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
METRIC = re.compile(r"\btriggers_(?!client\b)[a-z_]+")
SCRIPT = re.compile(r"\bscript/[a-z][\w.-]*")
COMMAND = re.compile(r"(?:^|[\s/])triggers ([a-z][^#|&>]*)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_of(page: Path) -> list[str]:
    """Return all code of `page`: the lines of blocks, and spans."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
    return lines + SPAN.findall(FENCE.sub("", text))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of `page`."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def faults_of(words: list[str]) -> Iterator[str]:
    """Yield the commands and options of `triggers WORDS` that do not exist; arguments may be anything."""
    command: click.Command = triggers
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            options = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
            option = options.get(word)
            if option is None and word != "--help":
                yield f"{command.name} {word}"
            if isinstance(option, click.Option) and not option.is_flag:
                next(rest, None)
        elif isinstance(command, click.Group):
            if word not in command.commands:
                yield f"{command.name} {word}"
                return
            command = command.commands[word]


def test_there_are_pages() -> None:
    assert {ROOT / "README.md", ROOT / "docs" / "README.md", ROOT / "SECURITY.md"} <= set(PAGES)


@each_page
def test_link_targets_exist(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@each_page
def test_settings_exist(page: Path) -> None:
    named = set(VARIABLE.findall(page.read_text(encoding="utf-8")))
    assert named - OF_OTHERS - set(settings.variable_names()) == set()


@each_page
def test_scripts_exist(page: Path) -> None:
    named = {name for code in code_of(page) for name in SCRIPT.findall(code)}
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    named = [found for code in code_of(page) for found in COMMAND.findall(code)]
    assert [fault for words in named for fault in faults_of(shlex.split(words))] == []


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        ("dlq --data there list --json", []),
        ("dlq lst", ["dlq lst"]),
        ("keys rotate ID --overlap 24h --soon", ["rotate --soon"]),
        ("frobnicate", ["triggers frobnicate"]),
    ],
)
def test_a_command_that_does_not_exist_is_detected(words: str, faults: list[str]) -> None:
    assert list(faults_of(shlex.split(words))) == faults


# docs/metrics.md also has CloudWatch names; test_metrics_documents.py checks it.
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "metrics.md"], ids=lambda page: page.name)
def test_metrics_exist(page: Path) -> None:
    series = {
        name: re.sub(r"_(bucket|sum|count)$", "", name) for name in METRIC.findall(page.read_text(encoding="utf-8"))
    }
    if page.name in HISTORY:
        series = {name: family for name, family in series.items() if name not in {*RENAMED, *RENAMED.values()}}
    assert [name for name, family in series.items() if name not in METRICS and METRICS.get(family) != "histogram"] == []


@pytest.mark.parametrize(("was", "name"), RENAMED.items())
def test_a_renamed_metric_exists_under_one_name(was: str, name: str) -> None:
    assert (was in METRICS) != (name in METRICS)


def test_every_alarm_has_a_section() -> None:
    sources = "".join((ROOT / "cdk" / name).read_text() for name in ("alarms.py", "fargate_alarms.py"))
    alarms = re.findall(r'\.alarm\(\s*f?"(\w+)', sources)
    headings = " ".join(HEADING.findall((ROOT / "docs" / "operating.md").read_text()))
    assert len(alarms) > 5
    assert [name for name in alarms if name not in headings] == []


def test_errors_that_operators_look_up_are_raised() -> None:
    sources = "".join(file.read_text() for part in ("ingest", "shared") for file in (ROOT / part).rglob("*.py"))
    table = re.findall(r"^\| `Unavailable.*", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    looked_up = [text for row in table for text in re.findall(r"`(?:Unavailable: )?([^`]+)`", row)]
    assert len(looked_up) > 5
    assert [text for text in looked_up if text not in sources] == []
