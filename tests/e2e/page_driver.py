"""Drives the live page as a person does, by keyboard; and what tests measure on it."""

from typing import Any

from tests.e2e.chromium import Page

DETAIL = "document.getElementById('detail')"
ROWS = "[...document.querySelectorAll('#rows tr:not([hidden])')]"

# The colour behind a text is that of the nearest ancestor with one, which is opaque.
_LEGIBILITY = """
(() => {
  const part = (value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (text === "" || !element.checkVisibility()) continue;
    if (element.closest(":disabled, .visually-hidden, option, noscript")) continue;
    const style = getComputedStyle(element);
    const [light, dark] = [luminance(numbers(style.color)), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5 || parseFloat(style.fontSize) < 13) found.push([text.slice(0, 40), contrast, style.fontSize]);
  }
  return found;
})()
"""
_FOCUSED = """
(() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const row = one.querySelector('tr[aria-selected="true"]');
  const ringed = [style, ...(row ? [getComputedStyle(row)] : [])].some(
    (each) => (each.outlineStyle !== "none" && parseFloat(each.outlineWidth) >= 2) || each.boxShadow.includes("3px"));
  const name = one.id || one.getAttribute("href") || one.getAttribute("aria-label") || one.textContent.trim();
  return [one === document.body ? "" : name, ringed];
})()
"""
_STOPS = """
[...document.querySelectorAll("a[href], button, input, select, summary, pre, [tabindex='0']")].filter((one) =>
  one.checkVisibility() && !one.disabled && !one.closest("[popover]:not(:popover-open)") && one.tabIndex >= 0)
  .map((one) => one.id || one.getAttribute("href") || one.getAttribute("aria-label") || one.textContent.trim())
"""


def row_of(text: str) -> str:
    """Return the expression for the row of an event that contains `text`."""
    return f"{ROWS}.find((row) => row.textContent.includes({text!r}))"


def text_of(id_: str) -> str:
    """Return the expression for the text of an element."""
    return f"document.getElementById('{id_}').textContent"


async def opened(page: Page, url: str, key: str, *, width: int = 1280) -> None:
    """Open the page, type the key, press Enter."""
    await page.call("Page.navigate", url="about:blank")
    page.complaints.clear()
    page.requests.clear()
    await page.show_as(width, 860, "light")
    signed_out = "if (origin !== 'null') sessionStorage.clear()"
    added = await page.call("Page.addScriptToEvaluateOnNewDocument", source=signed_out)
    await page.call("Page.navigate", url=f"{url}/")
    await page.until("document.activeElement?.id === 'key'")
    await page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
    await page.type(key)
    await page.press("Enter")
    await page.until(
        "document.getElementById('page').hidden === false || document.getElementById('key-error').textContent"
    )


async def view(page: Page, name: str) -> None:
    """Open a view with its link, by keyboard."""
    await page.run(f"document.querySelector('#views [href=\"#{name}\"]').focus()")
    await page.press("Enter")
    await page.until(f"document.getElementById('view-{name}').checkVisibility()")


async def fill(page: Page, id_: str, text: str) -> None:
    """Replace the text of a field, and press Enter."""
    await page.run(f"document.getElementById('{id_}').focus(); document.getElementById('{id_}').select()")
    await page.type(text)
    await page.press("Enter")


async def choose(page: Page, id_: str, value: str) -> None:
    """Choose an option."""
    script = "const one = document.getElementById({0!r}); one.value = {1!r}; one.dispatchEvent(new Event('change'))"
    await page.run(f"{{ {script.format(id_, value)} }}")


async def press_on(page: Page, id_: str) -> None:
    """Focus a button and press it by keyboard."""
    await page.run(f"document.getElementById('{id_}').focus()")
    await page.press("Enter")


async def illegible(page: Page) -> list[Any]:
    """Return the visible texts below 13 px, or below a contrast of 4.5 to 1, in either colour scheme."""
    found: list[Any] = []
    for scheme in ("light", "dark"):
        await page.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
        ])  # fmt: skip
        found += [[scheme, *one] for one in await page.run(_LEGIBILITY)]
    return found


async def unreached(page: Page) -> list[str]:
    """Press Tab through the whole page; return what can be used but was not reached, or has no visible focus."""
    expected = await page.run(_STOPS)
    await page.run("document.activeElement.blur()")
    seen: set[str] = set()
    unseen: list[str] = []
    for _ in range(2 * len(expected) + 10):
        await page.press("Tab")
        name, ringed = await page.run(_FOCUSED)
        if name and not ringed:
            unseen.append(f"no ring: {name}")
        seen.add(name)
        if seen >= set(expected):
            break
    return [*unseen, *sorted(set(expected) - seen)]
