"""Takes screenshots of the live page in each of its states: light and dark, 1280 and 390 pixels wide.

`script/screenshots` runs it. The files are in `.screenshots/`; the one in the README is chosen from them.
"""

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from cli.local.emulator import free_port
from shared.clock import SystemClock
from shared.model import api_key
from shared.model.event import Event
from shared.model.position import Minter
from tests.e2e.chromium import Page, browsing, installed
from tests.e2e.local import Local, add_dead_letter, client_in, running
from tests.e2e.relay import Relay

FOLDER = Path(__file__).parents[2] / ".screenshots"
SIZES = ((1280, 860), (390, 844))
SCHEMES = ("light", "dark")

_SAMPLES: tuple[Mapping[str, Any], ...] = (
    {"type": "order.paid", "source": "/shop", "data": {"order": 1041, "total": 99.50, "currency": "EUR",
     "customer": {"id": "cus_8412", "email": "ada@example.com"}, "items": [{"sku": "TEA-250", "quantity": 2}]}},
    {"type": "invoice.created", "source": "/billing", "data": {"invoice": "inv-2093", "due": "2026-12-10"}},
    {"type": "order.shipped", "source": "/warehouse", "data": {"order": 1038, "carrier": "DHL", "parcels": 1}},
    {"type": "customer.updated", "source": "/crm", "data": {"id": "cus_8412", "changed": ["address", "phone"]}},
    {"type": "payment.failed", "source": "/shop", "data": {"order": 1040, "code": "card_declined"}},
)  # fmt: skip
_REASONS = ("the store refuses the event", "processing failed: OverflowError", "gave up after 5 deliveries")


class Studio:
    """A page of one size, with a tenant of its own."""

    def __init__(self, page: Page, local: Local, relay: Relay, size: tuple[int, int], tenant: str) -> None:
        self.page, self._local, self._relay = page, local, relay
        self._size = size
        self._tenant = tenant
        self._environment = local.environment(tenant, *api_key.SCOPES)
        self._reader = local.environment(tenant, api_key.INBOX_READ)
        self._numbers = itertools.count(1001)

    @property
    def is_narrow(self) -> bool:
        return self._size[0] < SIZES[0][0]

    async def shoot(self, name: str) -> None:
        """Take the state as it is now, in both colour schemes."""
        for scheme in SCHEMES:
            await self.page.show_as(*self._size, scheme)
            await asyncio.sleep(0.3)  # a transition ends, and fonts are drawn
            await self.page.screenshot(FOLDER / f"{name}-{self._size[0]}-{scheme}.png")

    async def visit(self, environment: Mapping[str, str] | None = None, view: str = "events") -> None:
        """Open the page and sign in."""
        await self.page.call("Page.navigate", url="about:blank")
        await self.page.call("Page.navigate", url=f"{self._relay.url}/#{view}")
        await self.page.until(
            "document.activeElement?.id === 'key' || document.getElementById('page')?.hidden === false"
        )
        if await self.page.run("!document.getElementById('sign-in').hidden"):
            await self.page.type((environment or self._environment)["TRIGGERS_API_KEY"])
            await self.page.press("Enter")
            await self.page.until("document.getElementById('page').hidden === false")

    async def send(self, rounds: int, *, pause_seconds: float = 0.0) -> None:
        """Send samples to three inboxes."""
        with client_in(self._environment) as client:
            for number in range(rounds):
                events = [
                    {**sample, "id": f"{sample['type'].split('.')[0]}-{next(self._numbers)}", "inbox": inbox}
                    for sample, inbox in zip(
                        _SAMPLES[number % 3 :], ("default", "default", "payments", "returns", "default"), strict=False
                    )
                ]
                await asyncio.to_thread(client.send, events)
                await asyncio.sleep(pause_seconds)

    async def bury(self) -> None:
        """Put three events and something unreadable into the DLQ."""
        for number, reason in enumerate(_REASONS):
            sample = _SAMPLES[number]
            fields = {"specversion": "1.0", "id": f"late-{number}", **sample}
            event = Event(
                receipt=Minter(SystemClock()).mint(),
                id=fields["id"],
                source=fields["source"],
                inbox="default",
                type=fields["type"],
                body=msgspec.Raw(msgspec.json.encode(fields)),
            )
            await add_dead_letter(self._local, self._tenant, event, {"reason": reason})


async def _states(studio: Studio) -> None:
    page = studio.page
    await page.call("Page.navigate", url=f"{studio._relay.url}/")
    await page.until("document.activeElement?.id === 'key'")
    await studio.shoot("00-sign-in")
    await page.type(f"trg_{'a' * 10}_{'x' * 43}")
    await page.press("Enter")
    await page.until("document.getElementById('key-error').textContent !== ''")
    await studio.shoot("10-wrong-key")
    await page.run("document.getElementById('key').value = ''")

    await studio.visit()
    await page.until("document.querySelector('#empty h3')")
    await asyncio.sleep(4)
    await studio.shoot("01-first-start")

    await studio.send(14, pause_seconds=0.9)
    await page.until("document.querySelectorAll('#rows tr').length > 20")
    await asyncio.sleep(5)
    await studio.shoot("02-events-flowing")

    await _click(
        page, "[...document.querySelectorAll('#rows tr')].find((row) => row.textContent.includes('order.paid'))"
    )
    await studio.shoot("03-one-event")
    await page.press("Escape")

    with client_in(studio._environment) as client:
        events = client.page(limit=12).events
        await asyncio.to_thread(client.ack, events)
    await asyncio.sleep(1)
    await _click(page, "document.getElementById('delivered')")
    await page.until("document.querySelectorAll('#rows tr').length > 5")
    await studio.shoot("04-delivered")
    await _click(page, "document.getElementById('undelivered')")

    with client_in(studio._environment) as client:
        for group, inbox, limit in (("billing", "default", 8), ("shipping", "default", 2), ("ledger", "payments", 1)):
            await asyncio.to_thread(client.lease, group, inbox=inbox, limit=limit)
    await _click(page, "document.querySelector('[href=\"#groups\"]')")
    await page.until("document.querySelectorAll('#group-rows tr').length === 3")
    await studio.shoot("05-groups")

    await studio.bury()
    await _click(page, "document.querySelector('[href=\"#dead-letters\"]')")
    await page.until("document.querySelectorAll('#dead-letter-rows tr').length === 3")
    await _click(page, "document.querySelector('#dead-letter-rows input')")
    await studio.shoot("06a-dead-letters")
    await _click(page, "document.querySelector('#dead-letter-rows button')")
    await page.until("document.querySelector('#dead-letter pre')")
    await studio.shoot("06-dead-letter-open")
    await page.press("Escape")
    await _click(page, "document.getElementById('drop')")
    await studio.shoot("06b-drop-confirmation")
    await page.press("Escape")

    await _click(page, "document.querySelector('[href=\"#events\"]')")
    await page.run("document.getElementById('find').focus()")
    await page.type("order-1001")
    await page.press("Enter")
    await page.until("document.querySelector('#detail h3')?.textContent.startsWith('order.paid')")
    await studio.shoot("07-search-hit")
    await page.press("Escape")
    await page.run("document.getElementById('find').value = ''; document.getElementById('find').focus()")
    await page.type("order-9999")
    await page.press("Enter")
    await page.until("document.querySelector('#detail h3')?.textContent === 'No such event'")
    await studio.shoot("07-search-miss")
    await page.press("Escape")

    await page.run("document.getElementById('inbox').focus()")
    await page.type("nightly")
    await page.press("Enter")
    await page.until("document.querySelector('#empty h3')")
    await studio.shoot("08-empty-inbox")
    await _click(page, "document.querySelector('#inboxes button')")
    await page.until("document.querySelectorAll('#rows tr').length > 20")

    await studio._relay.close()
    await page.until("document.getElementById('status').dataset.state === 'waiting'")
    await asyncio.sleep(2)
    await studio.shoot("09-server-down")
    await studio._relay.open()
    await page.until("document.getElementById('status').dataset.state === 'live'")

    await _click(page, "document.getElementById('account')")
    await studio.shoot("11-menu")
    await _click(page, "document.getElementById('sign-out')")
    await studio.visit(studio._reader, "dead-letters")
    await page.until("document.querySelector('#dead-letters-empty h3')")
    await studio.shoot("12-without-a-scope")
    await page.run("sessionStorage.clear()")


async def _click(page: Page, element: str) -> None:
    await page.run(f"{element}.click()")


@asynccontextmanager
async def _relayed(url: str, port: int) -> AsyncIterator[Relay]:
    relay = Relay(url, port)
    await relay.open()
    try:
        yield relay
    finally:
        await relay.close()


async def _main(local: Local, profile: Path, widths: list[int]) -> None:
    program = installed()
    assert program is not None, "no browser is installed: chromium"
    FOLDER.mkdir(exist_ok=True)
    async with browsing(program, profile) as page, _relayed(local.url, free_port()) as relay:
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        for size in SIZES:
            if size[0] in widths:
                await page.show_as(*size, SCHEMES[0])
                await _states(Studio(page, local, relay, size, f"acme-{size[0]}"))
                await _empty_dlq(local)
        for complaint in page.complaints:
            print(complaint)


async def _empty_dlq(local: Local) -> None:
    environment = local.environment("cleaner", api_key.OPERATE, api_key.DLQ_ADMIN)
    with client_in(environment) as client:
        http = client._http
        ids = [one["id"] for one in http.get("/v1/dlq").json()["messages"]]
        http.post("/v1/dlq/drop", json={"ids": ids}).raise_for_status()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, action="append", help="Only this width; may be repeated.")
    chosen = parser.parse_args().width or [width for width, _ in SIZES]
    with tempfile.TemporaryDirectory() as directory, running(free_port(), Path(directory) / "data") as stack:
        asyncio.run(_main(stack, Path(directory) / "profile", chosen))
    print(f"saved in {FOLDER}")
