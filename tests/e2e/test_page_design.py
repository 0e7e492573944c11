"""How the live page and the API reference look and can be used: by keyboard, in both colour schemes, on a phone."""

import asyncio

import pytest

from tests.e2e.chromium import Page
from tests.e2e.local import Local, client_in
from tests.e2e.page_driver import DETAIL, choose, illegible, opened, press_on, row_of, text_of, unreached, view
from tests.e2e.page_world import bury, send, tenant

pytestmark = pytest.mark.asyncio(loop_scope="session")

SMALL_TARGETS = """
[...document.querySelectorAll("button:not(.link), a, select")]
  .filter((one) => one.checkVisibility() && one.offsetHeight < 36).map((one) => one.id)
"""


async def test_all_times_are_in_the_chosen_zone(page: Page, local: Local) -> None:
    environment = await tenant(local, "zone")
    await send(environment, {"type": "t", "id": "e", "data": 1})
    await page.call("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
    await opened(page, local.url, environment["TRIGGERS_API_KEY"])
    await page.until(row_of("e"))
    times = "document.querySelector('#rows .time').textContent.slice(0, 5)"
    local_time = await page.run(times)
    assert "Time (UTC+5:30)" in await page.run(text_of("list"))
    assert "UTC+5:30" in await page.run(f"{DETAIL}.textContent")
    await choose(page, "zone", "utc")
    assert "Time (UTC)" in await page.run(text_of("list"))
    assert "UTC+5:30" not in await page.run(f"{DETAIL}.textContent")
    minutes = [60 * int(time[:2]) + int(time[3:]) for time in (local_time, await page.run(times))]
    assert (minutes[0] - minutes[1]) % 1440 == 330
    await page.call("Emulation.setTimezoneOverride", timezoneId="")


async def test_everything_is_reached_by_keyboard_and_legible(page: Page, local: Local) -> None:
    environment = await tenant(local, "keyboard")
    await send(environment, {"type": "t", "id": "e", "data": {"n": 1, "s": "x", "b": True}})
    await bury(local, "keyboard", "buried")
    await opened(page, local.url, environment["TRIGGERS_API_KEY"])
    await page.until(row_of("e"))
    with client_in(environment) as client:
        assert await asyncio.to_thread(client.lease, "billing", limit=1) is not None
    for name, ready in (
        ("events", row_of("e")),
        ("groups", "document.querySelector('#group-rows tr')"),
        ("dead-letters", "document.querySelector('#dead-letter-rows tr')"),
    ):
        await view(page, name)
        await page.until(ready)
        if name == "dead-letters":
            await page.run("document.querySelector('#dead-letter-rows button').click()")
            await page.until("document.querySelector('#dead-letter pre')")
        assert await unreached(page) == []
        assert await illegible(page) == []
    await press_on(page, "account")
    assert await illegible(page) == []
    await press_on(page, "sign-out")
    assert await illegible(page) == []
    assert page.complaints == []


async def test_on_a_phone_details_cover_the_list_and_dead_letters_are_one_tap_away(page: Page, local: Local) -> None:
    environment = await tenant(local, "phone")
    await send(environment, {"type": "t" * 100, "id": "e" * 200, "data": "x" * 500})
    await bury(local, "phone", "buried")
    await opened(page, local.url, environment["TRIGGERS_API_KEY"], width=390)
    overflow = "document.documentElement.scrollWidth - innerWidth"
    await page.until(row_of("eee"))
    assert not await page.run(f"{DETAIL}.checkVisibility()")
    await page.run(f"{row_of('eee')}.click()")
    assert await page.run(f"{DETAIL}.checkVisibility() && document.activeElement.id === 'detail'")
    assert await page.run(overflow) == 0
    await page.press("Escape")
    assert await page.run(f"!{DETAIL}.checkVisibility() && document.activeElement.id === 'list'")
    link = "document.querySelector('[href=\"#dead-letters\"]')"
    assert await page.run(f"(({{ top, bottom }}) => top >= 0 && bottom <= innerHeight)({link}.getBoundingClientRect())")
    await page.run(f"{link}.click()")
    await page.until("document.querySelector('#dead-letter-rows tr')?.checkVisibility()")
    assert await page.run(SMALL_TARGETS) == []
    assert await page.run(overflow) == 0
    assert await illegible(page) == []
    assert page.complaints == []


@pytest.mark.parametrize("path", ["docs", "redoc"])
async def test_the_api_reference_follows_the_colour_scheme_and_needs_no_other_host(
    page: Page, local: Local, path: str
) -> None:
    await page.call("Page.navigate", url="about:blank")
    page.complaints.clear()
    page.requests.clear()
    backgrounds = []
    for scheme in ("light", "dark"):
        await page.show_as(1280, 860, scheme)
        await page.call("Page.navigate", url=f"{local.url}/{path}")
        await page.until("document.body?.innerText.includes('/v1/events')")
        behind = "[document.documentElement, document.body].map((one) => getComputedStyle(one).backgroundColor).join()"
        backgrounds.append(await page.run(behind))
    assert backgrounds[0] != backgrounds[1]
    assert [complaint for complaint in page.complaints if not complaint.startswith("info:")] == []  # ReDoc's name
    hosts = {request for request in page.requests if not request.startswith((local.url, "data:"))}
    assert hosts <= {"about:blank"}
