"""The ingest app in memory, with a key that sends events."""

from ingest.app import create_app
from shared.model import api_key
from shared.settings import Settings
from tests.fakes.app import DEFAULT, AppWorld


class World(AppWorld):
    def __init__(self, settings: Settings | None = None) -> None:
        key = {"tenant": "a#b", "scopes": [api_key.EVENTS_WRITE]}
        super().__init__(create_app, settings, key=key, keys={DEFAULT: {}})
