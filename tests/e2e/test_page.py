"""The live page in a real browser, if one is installed (`chromium` on Debian)."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.clock import SystemClock
from shared.model.api_key import EVENTS_WRITE, INBOX_ACK, INBOX_READ, OPERATE
from shared.model.event import Event
from shared.model.position import Minter
from tests.e2e.chromium import Page, browsing, installed
from tests.e2e.local import DEADLINE_SECONDS, Local, add_dead_letter, client_in

pytestmark = pytest.mark.slow

HURTS = "<img src=x onerror=hurt()>"
EVIL: dict[str, Any] = {
    "type": f"</span><script>hurt()</script>{HURTS}",
    "id": f"</textarea>{HURTS}'\"$(hurt)`hurt`\u202e",
    "source": "/it's",
    "data": {f"</pre>{HURTS}": ["<script>hurt()</script>", "'; hurt; '", "\x9b31m\u202e"], "constructor": "__proto__"},
}


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    program = installed()
    if program is None:
        pytest.skip("no browser is installed: chromium")
    async with browsing(program, tmp_path / "profile") as page:
        yield page


async def opened(page: Page, url: str, key: str) -> None:
    """Open the page as a person does: type the key, press Enter."""
    await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
    watch = "globalThis.hurt = () => { globalThis.isHurt = true }"
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=watch)
    await page.call("Page.navigate", url=url)
    await page.until("document.activeElement?.id === 'key'")
    await page.type(key)
    await page.press("Enter")


def row_of(text: str) -> str:
    return f"[...document.querySelectorAll('#list li')].find((row) => row.textContent.includes({text!r}))"


async def bury(local: Local, tenant: str, event_id: str) -> None:
    """Put an event into the DLQ, with a hostile reason."""
    raw = msgspec.json.encode({"specversion": "1.0", "id": event_id, "source": "/", "type": EVIL["type"], "data": 1})
    receipt = Minter(SystemClock()).mint()
    event = Event(receipt=receipt, id=event_id, source="/", inbox="default", type=EVIL["type"], body=msgspec.Raw(raw))
    await add_dead_letter(local, tenant, event, {"reason": f"refused {HURTS}"})


async def test_a_person_sees_events_come_and_redrives_a_dead_letter(page: Page, local: Local) -> None:
    environment = await asyncio.to_thread(local.environment, "live page", EVENTS_WRITE, INBOX_READ, INBOX_ACK, OPERATE)
    with client_in(environment) as client:
        await asyncio.to_thread(client.send, [{"type": "order.paid", "id": "before", "data": {"n": 1}}])
        await bury(local, "live page", "buried")
        await opened(page, local.url, environment["TRIGGERS_API_KEY"])
        await page.until(row_of("before"))
        assert await page.run("document.getElementById('status').textContent") == "Live"

        numbers = b'{"type":"order.paid","id":"numbers","data":{"big":9007199254740993,"kept":1.10,"far":1e300}}'
        half = rb'{"type":"text.cut","id":"half","data":["cut \ud83d"]}'
        await asyncio.to_thread(client.send, [numbers, half, EVIL])
        await page.until(f"{row_of('numbers')} && {row_of('half')} && {row_of('</textarea>')}")

    await keyboard_walks_the_list(page)
    await numbers_are_shown_as_they_were_posted(page)
    await data_in_base64_is_decoded(page)
    await what_hurts_is_text(page, environment)
    await types_are_filtered(page)
    await a_dead_letter_is_redriven(page)
    await groups_are_shown_with_their_lag(page, environment)

    assert page.complaints == []
    assert {request.partition("/v1/")[0].partition("/live/")[0].rstrip("/") for request in page.requests} == {local.url}
    assert not await page.run("globalThis.isHurt")
    assert await page.run("[document.scripts.length, document.images.length, localStorage.length]") == [1, 1, 0]
    assert environment["TRIGGERS_API_KEY"] not in await page.run("document.documentElement.outerHTML")
    assert not [request for request in page.requests if environment["TRIGGERS_API_KEY"] in request]


async def keyboard_walks_the_list(page: Page) -> None:
    selected = "document.querySelector('#list [aria-selected=true]').textContent"
    assert await page.run("document.activeElement.id") == "list"
    await page.press("End")
    assert "before" in await page.run(selected)
    await page.press("ArrowUp")
    await page.press("ArrowDown")
    assert "before" in await page.run(selected)
    await page.press("Enter")
    assert await page.run("document.activeElement.id") == "detail"


async def numbers_are_shown_as_they_were_posted(page: Page) -> None:
    await page.run(f"{row_of('numbers')}.click()")
    shown = await page.run("document.querySelector('#detail .data code').textContent")
    assert shown == '{\n  "big": 9007199254740993,\n  "kept": 1.10,\n  "far": 1e300\n}'


async def data_in_base64_is_decoded(page: Page) -> None:
    await page.run(f"{row_of('half')}.click()")
    shown = await page.run("[...document.querySelectorAll('#detail .data code')].map((code) => code.textContent)")
    assert shown == ['"WyJjdXQgXHVkODNkIl0="', '[\n  "cut \\ud83d"\n]']


async def what_hurts_is_text(page: Page, environment: dict[str, str]) -> None:
    await page.run(f"{row_of('</textarea>')}.click()")
    detail = await page.run("document.getElementById('detail').textContent")
    assert EVIL["type"] in detail
    assert HURTS in detail
    assert "\u202e" not in detail  # bidirectional controls are escaped
    assert r"\u202e" in detail
    lines = await page.run("[...document.querySelectorAll('#detail .command code')].map((code) => code.textContent)")
    assert environment["TRIGGERS_API_KEY"] not in "".join(lines)
    assert all(line.isprintable() for line in lines)
    read, posted = [await asyncio.to_thread(_shell, line, environment) for line in lines]
    assert read["event"]["id"] == posted["id"] == EVIL["id"]
    assert read["event"]["data"] == EVIL["data"]


def _shell(line: str, environment: dict[str, str]) -> Any:
    # As it is pasted.
    done = subprocess.run(line, shell=True, env=environment, capture_output=True, check=True, timeout=DEADLINE_SECONDS)  # noqa: S602
    return msgspec.json.decode(done.stdout)


async def types_are_filtered(page: Page) -> None:
    shown = "[...document.querySelectorAll('#list li:not([hidden]) .type')].map((type) => type.textContent).join()"
    await page.run("document.getElementById('filter').focus()")
    await page.type("order.*")
    assert await page.run(shown) == "order.paid,order.paid"
    await page.press("Enter")  # the server is asked
    await page.until(f"{shown} === 'order.paid,order.paid'")
    await page.until("document.getElementById('filter-hint').textContent.startsWith('The server sends only order.*.')")
    await page.run("const f = document.getElementById('filter'); f.value = ''; f.dispatchEvent(new Event('input'))")
    await page.until(row_of("</textarea>"))


async def a_dead_letter_is_redriven(page: Page) -> None:
    await page.until("document.querySelectorAll('#dead-letters tr').length === 1")
    dead_letter = await page.run("document.getElementById('dead-letters').textContent")
    assert f"refused {HURTS}" in dead_letter
    assert "live page" in dead_letter
    await page.run("document.querySelector('#dead-letters input').focus()")
    await page.press("Space")
    await page.run("document.getElementById('redrive').focus()")
    await page.press("Enter")
    assert await page.run("document.getElementById('confirm').open")
    assert await page.run("document.activeElement.id") == "confirm-no"
    await page.press("Tab")
    await page.press("Enter")
    await page.until("document.getElementById('dead-letters-note').textContent.startsWith('1 redriven.')")
    await page.until(row_of("buried"))
    await page.until("document.querySelector('#tile-dead .value').textContent === '0'")


async def groups_are_shown_with_their_lag(page: Page, environment: dict[str, str]) -> None:
    assert await page.run("document.getElementById('groups-section').hidden")
    with client_in(environment) as client:
        lease = await asyncio.to_thread(client.lease, "billing", limit=1)
        assert lease is not None
        cells = "[...document.querySelectorAll('#groups td')].map((cell) => cell.textContent)"
        await page.until(f"{cells}.slice(0, 5).join() === 'billing,default,all,4,1'")


async def test_a_key_sees_what_its_scopes_allow_and_a_wrong_one_nothing(page: Page, local: Local) -> None:
    environment = await asyncio.to_thread(local.environment, "reader", INBOX_READ)
    await opened(page, local.url, f"trg_{'a' * 10}_{'x' * 43}")
    await page.until("document.getElementById('key-error').textContent === 'The API key is not valid.'")
    assert await page.run("sessionStorage.getItem('triggers.key')") is None
    await page.type(environment["TRIGGERS_API_KEY"])
    await page.press("Enter")
    await page.until("document.getElementById('status').textContent === 'Live'")
    await page.until("document.getElementById('dead-letters-note').textContent.includes('lacks the scope operate')")
    assert await page.run("document.getElementById('redrive').disabled")
    await page.run("document.getElementById('sign-out').click()")
    assert await page.run("sessionStorage.getItem('triggers.key')") is None
    assert {complaint.partition(":")[0] for complaint in page.complaints} == {"network"}  # a 401 and a 403, as it says
