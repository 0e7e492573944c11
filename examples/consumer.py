"""Handles events as they come: `python examples/consumer.py cursor.txt`; stop it with Ctrl-C, start it again.

TRIGGERS_URL and TRIGGERS_API_KEY name the API and the key, which needs the scopes inbox:read and inbox:ack.
"""

import sys
from pathlib import Path
from typing import Any

from triggers_client import Client


def handle(event: dict[str, Any]) -> None:
    """Do what is to be done. Killed before the cursor is saved, it comes here again: by its id you know it."""
    print(event["id"], event["type"], event.get("data"), flush=True)


def save(cursor: str, file: Path) -> None:
    """Keep `cursor`, whole or not at all."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.write_text(cursor)
    unfinished.replace(file)


def main() -> None:
    """Follow the inbox from where the last run stopped, for good, whatever becomes of the connection."""
    file = Path(sys.argv[1])
    cursor = file.read_text() if file.exists() else None
    with Client.from_environment(attempts=None) as client:
        for page in client.follow(cursor=cursor, types=["order.*"]):
            for event in page.events:
                handle(event)
            save(page.cursor, file)
            client.ack(page.events)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
