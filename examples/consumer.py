"""Handles events as they arrive: `python examples/consumer.py cursor.txt`; Ctrl-C stops it, a new run resumes.

TRIGGERS_URL and TRIGGERS_API_KEY specify the API and a key with the scopes inbox:read and inbox:ack.
"""

import sys
from pathlib import Path

from triggers_client import Client, InboxEvent


def handle(event: InboxEvent) -> None:
    """Handle an event. A process killed before it saves the cursor handles the event again; check its id."""
    print(event["id"], event["type"], event.get("data"), flush=True)


def save(cursor: str, file: Path) -> None:
    """Save `cursor` atomically."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.write_text(cursor)
    unfinished.replace(file)


def main() -> None:
    """Follow the inbox forever, from where the last run stopped, and reconnect after failures."""
    file = Path(sys.argv[1])
    cursor = file.read_text(encoding="utf-8") if file.exists() else None
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
