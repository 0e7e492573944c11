import pytest

from cli.commands.serve import App, create
from shared.settings import Settings

EVENTS, INBOX, CONSOLE = "/v1/events", "/v1/inbox", {"/", "/v1/queue", "/v1/dlq", "/v1/dlq/redrive"}


@pytest.mark.parametrize(
    ("app", "has", "lacks"),
    [
        ("ingest", {EVENTS}, {INBOX} | CONSOLE),
        ("inbox", {INBOX}, {EVENTS} | CONSOLE),
        ("console", CONSOLE, {EVENTS, INBOX}),
        ("all", {EVENTS, INBOX} | CONSOLE, set()),
    ],
)
def test_each_app_has_its_own_routes(app: App, has: set[str], lacks: set[str]) -> None:
    paths = {route.path for route in create(app, Settings()).routes}
    assert has | {"/healthz", "/readyz", "/status"} <= paths
    assert not lacks & paths
