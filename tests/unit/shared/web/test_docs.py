import gzip
import re
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from shared.settings import Settings
from shared.web import docs
from shared.web.app import build_app
from tests.fakes.app import AppWorld
from tests.serving import client_of

PAGES = ["/docs", "/redoc"]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(api_title="Events & <more>")
    async with AppWorld(partial(build_app, parts=[]), settings).serving() as world:
        yield world.client


def links_of(page: str) -> list[str]:
    return re.findall(r'(?:src|href|spec-url)="([^"]*)"', page)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_needs_no_key_and_names_the_api(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Events &amp; &lt;more&gt;</title>" in page.text


@pytest.mark.parametrize("path", PAGES)
async def test_all_that_a_page_refers_to_is_served_by_the_app_itself(client: httpx.AsyncClient, path: str) -> None:
    page = (await client.get(path)).text
    assert "//" not in page  # no other host, however it is written
    links = [link for link in links_of(page) if link != "data:,"]
    assert len(links) >= 2
    for link in links:
        assert (await client.get(link)).status_code == 200


async def test_the_logo_of_a_vendor_is_not_loaded(client: httpx.AsyncClient) -> None:
    (script,) = [link for link in links_of((await client.get("/redoc")).text) if link.endswith("redoc.js")]
    content = (await client.get(script)).text
    assert "cdn.redoc.ly/redoc/logo" not in content
    assert "data:," in content


@pytest.mark.parametrize("path", PAGES)
async def test_the_policy_allows_no_other_host_and_no_inline_script(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert not [sources for sources in policy.values() if "//" in sources or "*" in sources]
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert not re.search(r"\son\w+=", page.text)


async def test_the_pages_show_the_document_that_is_served(client: httpx.AsyncClient) -> None:
    swagger, redoc = [links_of((await client.get(path)).text) for path in PAGES]
    start = await client.get(next(link for link in swagger if link.endswith("/start.js")))
    assert 'url: "/openapi.json"' in start.text
    assert "/openapi.json" in redoc
    document = (await client.get("/openapi.json")).json()
    assert document["info"]["title"] == "Events & <more>"
    assert "/docs" not in document["paths"]


async def test_an_asset_is_immutable_and_a_page_is_not(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["cache-control"] == "no-cache"
    for link in links_of(page.text)[1:]:
        assert "immutable" in (await client.get(link)).headers["cache-control"]


async def test_an_asset_is_compressed_if_the_client_accepts_gzip(tmp_path: Path) -> None:
    for name in ("swagger_bundle.js", "swagger_style.css", "redoc.js"):
        (tmp_path / name).write_text(f"{name} " * 1000)
    app = Litestar(docs.handlers(Settings(), docs.Assets(folder=tmp_path, tag="t1")), openapi_config=None)
    async with client_of(app) as client:
        asked = client.build_request("GET", "/docs/assets/t1/redoc.js", headers={"accept-encoding": "gzip, br"})
        raw = await client.send(asked, stream=True)
        sent = b"".join([part async for part in raw.aiter_raw()])
        plain = await client.get("/docs/assets/t1/redoc.js", headers={"accept-encoding": "identity"})
    assert raw.headers["content-encoding"] == "gzip"
    assert raw.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert len(sent) < len(plain.content)
    assert gzip.decompress(sent) == plain.content == b"redoc.js " * 1000
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"


def test_without_the_package_there_are_no_pages() -> None:
    assert docs.installed("triggers-has-no-such-package") is None
    assert [handler.paths for handler in docs.handlers(Settings(), None)] == [{"/openapi.json"}]


def test_a_package_whose_files_were_left_out_counts_as_absent() -> None:
    assert docs.installed("msgspec") is None


def test_the_installed_package_is_not_imported() -> None:
    assets = docs.installed()
    assert assets is not None
    assert assets.folder.name == "offapi"
    assert "offapi" not in sys.modules  # it would read its 9 MB
