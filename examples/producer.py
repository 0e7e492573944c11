"""Sends orders: `python examples/producer.py 10`; TRIGGERS_URL and TRIGGERS_API_KEY specify the API and the key.

Run it twice within five minutes and each order is still listed once, because its id is derived from its number.
"""

import sys
from collections.abc import Iterator
from typing import Any

from triggers_client import Client, InvalidRequest


def orders(count: int) -> Iterator[dict[str, Any]]:
    """Yield orders. `send` takes any number, and puts as many as possible into each request."""
    for number in range(1, count + 1):
        yield {"type": "order.paid", "id": f"order-{number}", "source": "/shop", "data": {"number": number}}


def main() -> None:
    """Send the number of orders given on the command line."""
    with Client.from_environment() as client:
        try:
            accepted = client.send(orders(int(sys.argv[1])))
        except InvalidRequest as error:
            sys.exit("\n".join(f"{fault.pointer}: {fault.detail}" for fault in error.faults))
    print(f"{len(accepted)} accepted")


if __name__ == "__main__":
    main()
