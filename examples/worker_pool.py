"""Eight members of the group `billing` share an inbox: `python examples/worker_pool.py`; Ctrl-C stops them.

TRIGGERS_URL and TRIGGERS_API_KEY specify the API and a key with the scopes inbox:read and inbox:ack.
"""

import os
from concurrent.futures import ThreadPoolExecutor

from triggers_client import Client, InboxEvent


def handle(event: InboxEvent) -> None:
    """Handle an event. One whose lease ran out is handled again; check its id."""
    print(f"{event['id']} {event['type']} {event.get('data')}\n", end="", flush=True)  # whole lines, from any thread


def work(client: Client) -> None:
    """Lease events forever. One that fails is retried, and after five attempts it is in quarantine."""
    for lease in client.leases("billing", limit=10, seconds=60):
        for event in lease.events:
            try:
                handle(event)
            except Exception as error:  # noqa: BLE001 (whatever it is, the other events are fine)
                lease.release([event], reason=str(error))


if __name__ == "__main__":
    with Client.from_environment(attempts=None) as client, ThreadPoolExecutor(8) as pool:
        try:
            list(pool.map(work, [client] * 8))
        except KeyboardInterrupt:
            os._exit(130)  # what is leased now is leased again within a minute
