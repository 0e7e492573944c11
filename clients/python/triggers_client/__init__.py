"""A client of the Triggers API for producers and consumers. It depends only on `httpx`.

from triggers_client import Client

with Client("http://127.0.0.1:8000", api_key) as client:
    client.send([{"type": "order.paid", "id": "order-17", "data": {"total": 99.5}}])
    for page in client.follow(cursor=saved):
        handle(page.events)
        save(page.cursor)
        client.ack(page.events)
    for lease in client.leases("billing"):  # several workers share the events
        handle(lease.events)

`AsyncClient` has the same methods, to be awaited.
"""

from triggers_client.async_client import AsyncClient
from triggers_client.async_leases import AsyncLease
from triggers_client.client import Client
from triggers_client.errors import (
    Fault,
    Forbidden,
    InvalidEvent,
    InvalidRequest,
    LeaseLost,
    NotFound,
    Refused,
    TooLarge,
    TriggersError,
    Unauthorized,
    Unavailable,
)
from triggers_client.events import Accepted, Event, EventStatus, InboxEvent, NewEvent, Page
from triggers_client.leases import Lease

__all__ = [
    "Accepted",
    "AsyncClient",
    "AsyncLease",
    "Client",
    "Event",
    "EventStatus",
    "Fault",
    "Forbidden",
    "InboxEvent",
    "InvalidEvent",
    "InvalidRequest",
    "Lease",
    "LeaseLost",
    "NewEvent",
    "NotFound",
    "Page",
    "Refused",
    "TooLarge",
    "TriggersError",
    "Unauthorized",
    "Unavailable",
]
