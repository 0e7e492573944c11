"""Leaves out the tests marked `slow`, unless `--all` or a path is given, and reports how many were left out.

A newcomer should have an answer in under five minutes on two cores. So `slow` is what needs more than about two
seconds, or starts processes of its own: it runs in continuous integration, and whenever its file is named.
"""

from collections import Counter
from pathlib import Path

import pytest

_LEFT_OUT = "left_out"
_counts = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the tests marked slow, too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds; runs with --all, or when its path is given")
    config.stash[_counts] = {}
    # The processes of pytest-xdist get the options of the first one, and paths even where none was given.
    if not hasattr(config, "workerinput") and config.args_source is pytest.Config.ArgsSource.ARGS:
        config.option.all = True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.all:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    items[:] = [item for item in items if not item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    config.stash[_counts] = dict(Counter(_directory(config, item) for item in slow))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_LEFT_OUT] = session.config.stash[_counts]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Keep what a process of pytest-xdist left out; each leaves out the same."""
    config, output = getattr(node, "config", None), getattr(node, "workeroutput", {})
    if isinstance(config, pytest.Config) and _LEFT_OUT in output:
        config.stash[_counts] = output[_LEFT_OUT]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash[_counts]
    if counts:
        parts = ", ".join(f"{directory} {count}" for directory, count in sorted(counts.items()))
        total = sum(counts.values())
        terminalreporter.write_line(f"Not run: {total} slow tests ({parts}). To run all: script/test --all")


def _directory(config: pytest.Config, item: pytest.Item) -> str:
    """Return the kind of test, as `tests/e2e`."""
    return Path(*item.path.relative_to(config.rootpath).parts[:2]).as_posix()
