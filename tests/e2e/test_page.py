"""The live page in a real browser, if one is installed (`chromium` on Debian)."""

import asyncio
import subprocess
from typing import Any

import msgspec
import pytest

from cli.local.emulator import free_port
from shared.model.api_key import DLQ_ADMIN, EVENTS_WRITE, INBOX_ACK, INBOX_READ, OPERATE
from tests.e2e.chromium import Page
from tests.e2e.local import DEADLINE_SECONDS, Local, client_in
from tests.e2e.page_driver import DETAIL, ROWS, choose, fill, opened, press_on, row_of, text_of, view
from tests.e2e.page_world import EVIL, HURTS, bury, bury_unreadable, send, tenant
from tests.e2e.relay import relayed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_person_sees_events_come_and_settles_dead_letters(page: Page, local: Local) -> None:
    environment = await tenant(local, "live page")
    key = environment["TRIGGERS_API_KEY"]
    await send(environment, {"type": "order.paid", "id": "before", "data": {"n": 1}})
    await bury(local, "live page", "buried")
    await bury_unreadable(local, f"no pack \u202e {HURTS}")
    await opened(page, local.url, key)
    await page.until(row_of("before"))
    await page.until(f"{text_of('state')} === 'Live'")
    assert "before" in await page.run(f"{DETAIL}.textContent")  # the first event is selected

    numbers = b'{"type":"order.paid","id":"numbers","data":{"big":9007199254740993,"kept":1.10,"far":1e300}}'
    await send(environment, numbers, rb'{"type":"text.cut","id":"half","data":["cut \ud83d"]}', EVIL)
    await page.until(f"{row_of('numbers')} && {row_of('half')} && {row_of('</textarea>')}")

    await keyboard_walks_the_list(page)
    await numbers_are_shown_as_they_were_posted(page)
    await data_in_base64_is_decoded(page)
    await what_hurts_is_text(page, environment)
    await types_are_filtered(page)
    await dead_letters_are_opened_redriven_and_dropped(page)
    await groups_are_shown_with_their_lag(page, environment)

    assert page.complaints == []
    assert {request.partition("/v1/")[0].partition("/live/")[0].rstrip("/") for request in page.requests} == {local.url}
    assert not await page.run("globalThis.isHurt")
    assert await page.run("[document.scripts.length, document.images.length, localStorage.length]") == [1, 1, 0]
    assert key not in await page.run("document.documentElement.outerHTML")
    assert not [request for request in page.requests if key in request]


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
    detail = await page.run(f"{DETAIL}.textContent")
    assert EVIL["type"] in detail
    assert HURTS in detail
    assert "\u202e" not in detail  # bidirectional controls are escaped
    assert r"\u202e" in detail
    lines = await page.run("[...document.querySelectorAll('#detail .command code')].map((code) => code.textContent)")
    assert environment["TRIGGERS_API_KEY"] not in "".join(lines)
    assert all(line.isprintable() for line in lines)
    read, posted = [await asyncio.to_thread(shell, line, environment) for line in lines]
    assert read["event"]["id"] == posted["id"] == EVIL["id"]
    assert read["event"]["data"] == EVIL["data"]


def shell(line: str, environment: dict[str, str] | None = None) -> Any:
    # As it is pasted.
    done = subprocess.run(line, shell=True, env=environment, capture_output=True, check=True, timeout=DEADLINE_SECONDS)  # noqa: S602
    return msgspec.json.decode(done.stdout)


async def types_are_filtered(page: Page) -> None:
    shown = f"{ROWS}.map((row) => row.querySelector('.type').textContent).join()"
    await page.run("document.getElementById('filter').focus()")
    await page.type("order.*")
    assert await page.run(shown) == "order.paid,order.paid"
    await page.press("Enter")  # the server is asked
    await page.until(f"{text_of('filter-hint')}.startsWith('The server sends only order.*.')")
    await page.until(f"{shown} === 'order.paid,order.paid'")
    await page.run("const f = document.getElementById('filter'); f.value = ''; f.dispatchEvent(new Event('input'))")
    await page.until(row_of("</textarea>"))


async def dead_letters_are_opened_redriven_and_dropped(page: Page) -> None:
    await page.until(f"{text_of('dead-badge')} === '2'")
    await view(page, "dead-letters")
    rows = "[...document.querySelectorAll('#dead-letter-rows tr')]"
    await page.until(f"{rows}.length === 2")
    assert f"refused {HURTS}" in await page.run(text_of("dead-letter-rows"))
    await page.run(f"{rows}.find((row) => row.textContent.includes('buried')).querySelector('button').focus()")
    await page.press("Enter")
    await page.until("document.querySelector('#dead-letter pre')")
    assert await page.run("document.activeElement.id") == "dead-letter"
    assert f'"data": "{HURTS}"' in await page.run(text_of("dead-letter"))

    await page.run(f"{rows}.find((row) => row.textContent.includes('unreadable')).querySelector('button').focus()")
    await page.press("Enter")
    await page.until(f"{text_of('dead-letter')}.includes('Raw text')")
    assert rf"no pack \u202e {HURTS}" in await page.run(text_of("dead-letter"))  # spelled out

    for text, operation, done in (("buried", "redrive", "1 redriven."), ("unreadable", "drop", "1 dropped.")):
        await page.run(f"{rows}.find((row) => row.textContent.includes({text!r})).querySelector('input').focus()")
        await page.press("Space")
        await press_on(page, operation)
        assert await page.run("document.getElementById('confirm').open")
        assert await page.run("document.activeElement.id") == "confirm-no"
        await page.press("Tab")
        await page.press("Enter")
        await page.until(f"{text_of('dead-letters-note')}.startsWith('{done}')")
    await page.until("document.querySelector('#dead-letters-empty h3')?.textContent === 'No dead letters'")
    await page.until("document.querySelector('#tile-dead .value').textContent === '0'")
    await view(page, "events")
    await page.until(row_of("buried"))


async def groups_are_shown_with_their_lag(page: Page, environment: dict[str, str]) -> None:
    await view(page, "groups")
    await page.until("document.querySelector('#groups-empty h3')?.textContent === 'No consumer groups'")
    with client_in(environment) as client:
        assert await asyncio.to_thread(client.lease, "billing", limit=1) is not None
    cells = "[...document.querySelectorAll('#group-rows > tr > *')].map((cell) => cell.textContent)"
    await page.until(f"{cells}.slice(0, 5).join() === 'billing,default,all,4,1'")


async def test_the_first_start_teaches_how_to_send(page: Page, local: Local) -> None:
    environment = await tenant(local, "first start", INBOX_READ, EVENTS_WRITE)
    await opened(page, local.url, environment["TRIGGERS_API_KEY"])
    await page.until(f"{text_of('empty')}.includes('No events in default')")
    await page.run("document.querySelector('#empty .command button').focus()")
    await page.press("Enter")
    await page.until("document.querySelector('#empty .command button').textContent === 'Copied'")
    copied = await page.run("navigator.clipboard.readText()")
    assert "$TRIGGERS_API_KEY" in await page.run(text_of("empty"))
    assert environment["TRIGGERS_API_KEY"] not in await page.run("document.documentElement.outerHTML")
    posted = await asyncio.to_thread(shell, copied)
    assert posted["inbox"] == "default"
    await page.until(row_of("test.hello"))

    await fill(page, "inbox", "nightly")
    await page.until(f"{text_of('empty')}.includes('No events in nightly')")
    await page.run("document.querySelector('#empty button').focus()")
    await page.press("Enter")
    await page.until(row_of("test.hello"))
    await page.until("document.querySelectorAll('#inboxes li').length === 2")
    assert page.complaints == []


async def test_events_are_found_by_id_status_and_time(page: Page, local: Local) -> None:
    environment = await tenant(local, "finder")
    await send(environment, *({"type": "t", "id": f"e{n}", "source": "/a", "data": n} for n in range(5)))
    await opened(page, local.url, environment["TRIGGERS_API_KEY"])
    await page.until(f"{ROWS}.length === 5")
    with client_in(environment) as client:
        events = (await asyncio.to_thread(client.page)).events
        await asyncio.to_thread(client.ack, [event for event in events if event["id"] in {"e1", "e2"}])
    await press_on(page, "delivered")
    await page.until(f"{ROWS}.length === 2")
    await page.until(f"{DETAIL}.querySelector('.tag')?.textContent === 'Delivered'")
    await page.until(f"{text_of('undelivered-count')} === '3'")

    await fill(page, "find", "e4")  # not listed: the API is asked
    await page.until(f"{DETAIL}.querySelector('.tag')?.textContent === 'Undelivered'")
    assert await page.run("document.activeElement.id") == "detail"
    assert "expires" in await page.run(f"{DETAIL}.textContent")
    await fill(page, "find", "e9")
    await page.until(f"{DETAIL}.querySelector('h3')?.textContent === 'No such event'")
    assert "/a" in await page.run(f"{DETAIL}.textContent")
    await press_on(page, "undelivered")
    await page.until(f"{ROWS}.length === 3")

    await choose(page, "range", "900")
    await page.until(f"{text_of('list-foot')}.startsWith('3 from ')")
    await choose(page, "range", "custom")
    await page.run("document.getElementById('from').value = '2020-01-01T00:00:00'")
    await page.run("document.getElementById('to').value = '2020-01-02T00:00:00'")
    await page.run("document.querySelector('#range-form button').focus()")
    await page.press("Enter")
    await page.until(f"{text_of('empty')}.includes('No events in this time')")
    await choose(page, "range", "")
    await page.until(f"{ROWS}.length === 3")
    assert {complaint for complaint in page.complaints if "404" not in complaint} == set()


async def test_a_key_sees_what_its_scopes_allow_and_a_wrong_one_nothing(page: Page, local: Local) -> None:
    await opened(page, local.url, f"trg_{'a' * 10}_{'x' * 43}")
    await page.until(f"{text_of('key-error')} === 'The API key is not valid.'")
    assert await page.run("sessionStorage.getItem('triggers.key')") is None
    assert [complaint for complaint in page.complaints if "401" not in complaint] == []
    page.complaints.clear()

    environment = await tenant(local, "reader", INBOX_READ)
    await bury(local, "reader", "of all tenants")
    await opened(page, local.url, environment["TRIGGERS_API_KEY"])
    await page.until(f"{text_of('state')} === 'Live'")
    assert not await page.run("document.querySelector('#empty .primary')")  # it can't send
    await view(page, "dead-letters")
    await page.until(f"{text_of('dead-letters-empty')}.includes('needs the scope operate')")
    assert not await page.run("document.getElementById('redrive').checkVisibility()")
    await page.run("document.getElementById('account').focus()")
    await page.press("Enter")
    await press_on(page, "sign-out")
    assert await page.run("sessionStorage.getItem('triggers.key')") is None
    assert page.complaints == []  # nothing is asked for that is not allowed

    operator = await tenant(local, "operator", OPERATE)
    await opened(page, local.url, operator["TRIGGERS_API_KEY"])
    await page.until(f"{text_of('empty')}.includes('needs the scope inbox:read')")
    await view(page, "dead-letters")
    await page.run("document.querySelector('#dead-letter-rows button')?.focus()")
    await page.until("document.querySelector('#dead-letter-rows button')")
    await page.run("document.querySelector('#dead-letter-rows button').click()")
    await page.until(f"{text_of('dead-letter')}.includes('needs the scope dlq:admin')")
    assert not await page.run("document.getElementById('drop').checkVisibility()")
    assert page.complaints == []


async def test_a_server_that_is_down_is_reported_and_found_again(page: Page, local: Local) -> None:
    environment = await tenant(local, "outage", INBOX_READ, INBOX_ACK, EVENTS_WRITE, OPERATE, DLQ_ADMIN)
    async with relayed(local.url, free_port()) as relay:
        await opened(page, relay.url, environment["TRIGGERS_API_KEY"])
        await page.until(f"{text_of('state')} === 'Live'")
        await relay.close()
        await page.until(f"{text_of('state')} === 'Offline'")
        await page.until(f'{text_of("trouble-text")} === "The server can\'t be reached."')
        await page.until(f"{text_of('trouble-retry')}.startsWith('Retrying')")
        assert await page.run("document.querySelectorAll('.trouble').length") == 1
        await send(environment, {"type": "t", "id": "meanwhile", "data": 1})
        await relay.open()
        await page.until(row_of("meanwhile"))
        await page.until("document.getElementById('trouble').hidden")
    assert [complaint for complaint in page.complaints if "ERR_" not in complaint] == []
