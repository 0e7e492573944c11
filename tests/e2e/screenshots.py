"""Takes screenshots of the live page in each of its states: light and dark, 1280 and 390 pixels wide.

`script/screenshots` runs it. The files are in `.screenshots/`; the one in the README is one of them.
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from cli.local.emulator import free_port
from shared.clock import SystemClock
from shared.model import api_key
from shared.model.event import Event
from shared.model.position import Minter
from tests.e2e.chromium import Page, browsing, installed
from tests.e2e.local import Local, add_dead_letter, client_in, running
from tests.e2e.relay import Relay, relayed

FOLDER = Path(__file__).parents[2] / ".screenshots"
SIZES = {1280: 860, 390: 844}
TENANTS = {1280: "acme", 390: "globex"}
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
    """The page in a window of one width, for a tenant of its own."""

    def __init__(self, page: Page, local: Local, relay: Relay, width: int) -> None:
        self._page, self._local, self._relay = page, local, relay
        self._width = width
        self._tenant = TENANTS[width]
        self._environment = local.environment(self._tenant, *api_key.SCOPES)
        self._numbers = itertools.count(1001)

    async def shoot_all(self) -> None:
        """Take every state."""
        await self._page.show_as(self._width, SIZES[self._width], SCHEMES[0])
        await self._signing_in()
        await self._events()
        await self._delivered_and_groups()
        await self._dead_letters()
        await self._searches()
        await self._server_down()
        await self._without_a_scope()
        await asyncio.to_thread(self._empty_dlq)

    async def _shoot(self, name: str) -> None:
        """Save what is shown now, in both colour schemes."""
        for scheme in SCHEMES:
            await self._page.show_as(self._width, SIZES[self._width], scheme)
            await asyncio.sleep(0.3)  # transitions end
            await self._page.screenshot(FOLDER / f"{name}-{self._width}-{scheme}.png")

    async def _signing_in(self) -> None:
        page = self._page
        await page.call("Page.navigate", url=f"{self._relay.url}/")
        await page.until("document.activeElement?.id === 'key'")
        await self._shoot("00-sign-in")
        await page.type(f"trg_{'a' * 10}_{'x' * 43}")
        await page.press("Enter")
        await page.until("document.getElementById('key-error').textContent !== ''")
        await self._shoot("10-wrong-key")
        await page.run("document.getElementById('key').value = ''")
        await self._sign_in(self._environment)

    async def _sign_in(self, environment: Mapping[str, str]) -> None:
        await self._page.type(environment["TRIGGERS_API_KEY"])
        await self._page.press("Enter")
        await self._page.until("document.getElementById('page').hidden === false")

    async def _events(self) -> None:
        await self._page.until("document.querySelector('#empty h3')")
        await asyncio.sleep(4)  # the counts are there
        await self._shoot("01-first-start")
        await self._send(14)
        await self._page.until("document.querySelectorAll('#rows tr').length > 20")
        await asyncio.sleep(5)
        await self._shoot("02-events-flowing")
        await self._click(
            "[...document.querySelectorAll('#rows tr')].find((row) => row.innerText.includes('order.paid'))"
        )
        await self._shoot("03-one-event")
        await self._page.press("Escape")

    async def _delivered_and_groups(self) -> None:
        with client_in(self._environment) as client:
            await asyncio.to_thread(client.ack, client.page(limit=12).events)
            await asyncio.sleep(1)
            for group, inbox, limit in (
                ("billing", "default", 8),
                ("shipping", "default", 2),
                ("ledger", "payments", 1),
            ):
                await asyncio.to_thread(client.lease, group, inbox, limit=limit)
        await self._click("document.getElementById('delivered')")
        await self._page.until("document.querySelectorAll('#rows tr').length > 5")
        await self._shoot("04-delivered")
        await self._click("document.getElementById('undelivered')")
        await self._view("groups")
        await self._page.until("document.querySelectorAll('#group-rows tr').length === 3")
        await self._shoot("05-groups")

    async def _dead_letters(self) -> None:
        await self._bury()
        await self._view("dead-letters")
        await self._page.until("document.querySelectorAll('#dead-letter-rows tr').length === 3")
        await self._click("document.querySelector('#dead-letter-rows input')")
        await self._shoot("06-dead-letters")
        await self._click("document.querySelector('#dead-letter-rows button')")
        await self._page.until("document.querySelector('#dead-letter pre')")
        await self._shoot("06-one-dead-letter")
        await self._page.press("Escape")
        await self._click("document.getElementById('drop')")
        await self._shoot("06-drop")
        await self._page.press("Escape")
        await self._view("events")

    async def _searches(self) -> None:
        await self._fill("find", "order-1001")
        await self._page.until("document.querySelector('#detail .tag')?.textContent === 'Delivered'")
        await self._shoot("07-search-hit")
        await self._page.press("Escape")
        await self._fill("find", "order-9999")
        await self._page.until("document.querySelector('#detail h3')?.textContent === 'No such event'")
        await self._shoot("07-search-miss")
        await self._page.press("Escape")
        await self._fill("inbox", "nightly")
        await self._page.until("document.querySelector('#empty h3')")
        await asyncio.sleep(1)
        await self._shoot("08-empty-inbox")
        await self._click("document.querySelector('#inboxes button')")
        await self._page.until("document.querySelectorAll('#rows tr').length > 20")

    async def _server_down(self) -> None:
        await self._relay.close()
        await self._page.until("document.getElementById('status').dataset.state === 'waiting'")
        await asyncio.sleep(2)
        await self._shoot("09-server-down")
        await self._relay.open()
        await self._page.until("document.getElementById('status').dataset.state === 'live'")

    async def _without_a_scope(self) -> None:
        await self._click("document.getElementById('account')")
        await self._shoot("11-account")
        await self._click("document.getElementById('sign-out')")
        await self._sign_in(await asyncio.to_thread(self._local.environment, self._tenant, api_key.INBOX_READ))
        await self._view("dead-letters")
        await self._page.until("document.querySelector('#dead-letters-empty h3')")
        await self._shoot("12-without-a-scope")
        await self._view("events")
        await self._page.run("sessionStorage.clear()")

    async def _send(self, rounds: int) -> None:
        inboxes = ("default", "default", "payments", "returns", "default")
        with client_in(self._environment) as client:
            for number in range(rounds):
                samples = zip(_SAMPLES[number % 3 :], inboxes, strict=False)
                events = [{**one, "id": f"order-{next(self._numbers)}", "inbox": inbox} for one, inbox in samples]
                await asyncio.to_thread(client.send, events)
                await asyncio.sleep(0.9)

    async def _bury(self) -> None:
        for sample, reason in zip(_SAMPLES, _REASONS, strict=False):
            fields = {"specversion": "1.0", "id": f"order-{next(self._numbers)}", **sample}
            event = Event(
                receipt=Minter(SystemClock()).mint(),
                id=fields["id"],
                source=fields["source"],
                inbox="default",
                type=fields["type"],
                body=msgspec.Raw(msgspec.json.encode(fields)),
            )
            await add_dead_letter(self._local, self._tenant, event, {"reason": reason})

    def _empty_dlq(self) -> None:
        headers = {"X-API-Key": self._environment["TRIGGERS_API_KEY"]}
        with httpx.Client(base_url=self._local.url, headers=headers, timeout=60) as client:
            ids = [one["id"] for one in client.get("/v1/dlq").json()["messages"]]
            client.post("/v1/dlq/drop", json={"ids": ids}).raise_for_status()

    async def _click(self, element: str) -> None:
        await self._page.run(f"{element}.click()")

    async def _view(self, name: str) -> None:
        await self._click(f"document.querySelector('#views [href=\"#{name}\"]')")

    async def _fill(self, id_: str, text: str) -> None:
        """Replace the text of a field, which a narrow screen hides at first, and press Enter."""
        field = f"document.getElementById('{id_}')"
        await self._page.run(
            f"document.getElementById('view-events').classList.add('more'); {field}.value = ''; {field}.focus()"
        )
        await self._page.type(text)
        await self._page.press("Enter")


async def main(local: Local, profile: Path, widths: list[int]) -> None:
    """Take all states in windows of these widths."""
    program = installed()
    if program is None:
        sys.exit("no browser is installed: chromium")
    FOLDER.mkdir(exist_ok=True)
    async with browsing(program, profile) as page, relayed(local.url, free_port()) as relay:
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        for width in widths:
            await Studio(page, local, relay, width).shoot_all()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Take screenshots of the live page.")
    parser.add_argument("--width", type=int, action="append", choices=SIZES, help="Only this width; may be repeated.")
    chosen = parser.parse_args().width or [*SIZES]
    with tempfile.TemporaryDirectory() as directory, running(free_port(), Path(directory) / "data") as stack:
        asyncio.run(main(stack, Path(directory) / "profile", chosen))
    sys.stdout.write(f"saved in {FOLDER}\n")
