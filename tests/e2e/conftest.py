from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from cli.local.emulator import free_port
from tests.e2e.chromium import Page, browsing, installed
from tests.e2e.local import Local, running


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A running stack; each test uses its own tenant."""
    with running(free_port(), tmp_path_factory.mktemp("local") / "data") as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """One tab for all tests; each signs in with a key of its own tenant."""
    program = installed()
    if program is None:
        pytest.skip("no browser is installed: chromium")
    async with browsing(program, tmp_path_factory.mktemp("browser") / "profile") as page:
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await page.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        watch = "globalThis.hurt = () => { globalThis.isHurt = true }"
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=watch)
        yield page
