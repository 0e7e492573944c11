import pytest

from cli.serve import App, create
from shared.settings import Settings

EVENTS, INBOX = "/v1/events", "/v1/inbox"


@pytest.mark.parametrize(
    ("app", "has", "lacks"),
    [("ingest", {EVENTS}, {INBOX}), ("inbox", {INBOX}, {EVENTS}), ("all", {EVENTS, INBOX}, set())],
)
def test_each_app_has_its_own_routes(app: App, has: set[str], lacks: set[str]) -> None:
    paths = {route.path for route in create(app, Settings()).routes}
    assert has | {"/healthz", "/readyz", "/status"} <= paths
    assert not lacks & paths
