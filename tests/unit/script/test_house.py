"""`script/house.py` finds each violation, and accepts what its lists allow."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "script" / "house.py"
RULES = (
    "letters?(?<!dead letters) => messages\nwhat waits => backlog\n(?<!dead[-\\s])lanes? => limit\nallow old.md: lanes"
)


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["house"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = load()


def found(check: str, files: dict[str, str], rules: str = RULES) -> list[tuple[str, int, str]]:
    """Return path, line and text of each finding that the rules do not allow."""
    parsed = house.parse_rules(rules)
    findings = house.CHECKS[check](house.Repository(files), parsed)
    return [(one.path, one.line, one.found) for one in sorted(findings) if not parsed.allows(one)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("All lanes are open.", "lanes"),
        ("open_lanes = 3", "lanes"),
        ("class LaneCount:", "Lane"),
        ("x\n# the list of what\n# waits here", "what # waits"),
        ("WHAT WAITS", "WHAT WAITS"),
    ],
)
def test_a_refused_word_is_found_in_prose_identifiers_and_wrapped_phrases(text: str, word: str) -> None:
    line = text.count("\n", 0, text.lower().index(word.split(maxsplit=1)[0].lower())) + 1
    assert found("words", {"a.py": text}) == [("a.py", line, word)]


@pytest.mark.parametrize("text", ["planes", "dead lanes", "dead-lanes", "dead\nlanes", "what follows"])
def test_a_similar_word_is_accepted(text: str) -> None:
    assert found("words", {"a.py": text}) == []


def test_an_allowed_word_is_accepted_in_that_file_alone() -> None:
    assert found("words", {"old.md": "lanes", "new.md": "lanes"}) == [("new.md", 1, "lanes")]


def test_a_line_that_is_no_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="not a rule: lanes"):
        house.parse_rules("# comment\n\nlanes")


@pytest.mark.parametrize(
    "text",
    ["see docs/gone.md", "`shared/gone.py`", "[x](docs/gone)", "`gone.py`", "(DESIGN.md, section 4)", "docs/*.rst"],
)
def test_a_reference_to_a_file_that_does_not_exist_is_found(text: str) -> None:
    assert len(found("references", {"docs/here.md": text})) == 1


@pytest.mark.parametrize(
    "text",
    [
        "docs/here.md.",
        "docs/",
        "`here.md`",
        "docs/*.md",
        "docs/{here,there}.md",
        "shared/<name>.py",
        "https://example.com/docs/gone.md",
        "/docs/gone.md",
        "`shared.store`",
        "`shared.store.Store`",
        "`shared.store.Store.get`",
    ],
)
def test_a_reference_to_something_that_exists_is_accepted(text: str) -> None:
    assert found("references", {"docs/here.md": text, "shared/store.py": "class Store:\n    def get(): ..."}) == []


@pytest.mark.parametrize("name", ["shared.gone", "shared.store.Shop", "worker.commit.gone.f"])
def test_a_reference_to_a_module_that_does_not_exist_is_found(name: str) -> None:
    files = {"a.md": f"`{name}`", "shared/store.py": "class Store: ...", "worker/commit/__init__.py": ""}
    assert found("references", files) == [("a.md", 1, name)]


def test_a_module_that_no_process_imports_is_found() -> None:
    files = {
        "pyproject.toml": '[project.scripts]\ntriggers = "cli.main:main"\n',
        "cdk/functions.py": 'make(handler="worker.lambda_handler.handler")',
        "cli/__init__.py": "",
        "cli/main.py": "def main():\n    from shared import used\n",
        "cli/helper.py": "",
        "shared/used.py": 'run("helper.py")\nimport_module("ingest.app")\n',
        "ingest/app.py": "import worker.commit.core",
        "worker/__main__.py": "",
        "worker/lambda_handler.py": "",
        "worker/commit/core.py": "",
        "shared/unused.py": "import shared.only_by_unused",
        "shared/only_by_unused.py": "",
        "tests/test_it.py": "import shared.unused",
    }
    expected = ["cli.helper", "shared.only_by_unused", "shared.unused"]
    assert [name for _, _, name in found("unused", files)] == expected


def test_a_file_that_a_module_of_its_package_runs_is_used() -> None:
    files = {"cli/__main__.py": 'Path(__file__).with_name("child.py")', "cli/child.py": ""}
    assert found("unused", files) == []


@pytest.mark.parametrize(
    "text",
    [
        "../../shared/data",
        '(Path(__file__).parents[2] / "data")',
        "Path(__file__).resolve().parent.parent.parent",
        "ROOT.parent",
        "/home/me/data",
    ],
)
def test_a_path_that_leaves_the_repository_is_found(text: str) -> None:
    assert len(found("outside", {"tests/test_it.py": text})) == 1


@pytest.mark.parametrize("text", ["../bench/chart.svg", "Path(__file__).parents[1]", "Path(__file__).parent.parent"])
def test_a_path_within_the_repository_is_accepted(text: str) -> None:
    assert found("outside", {"tests/test_it.py": text}) == []


def test_the_rules_of_this_repository_can_be_read() -> None:
    rules = house.parse_rules(SCRIPT.with_name("house.txt").read_text())
    assert len(rules.words) > 20
    assert len(rules.allowed) > 5
