import gzip
import re

import httpx
import pytest

from console import page
from tests.unit.console.serving import Served


def links_of(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(/[^"]*)"', html)


def policy_of(answer: httpx.Response) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
    return {name: sources for name, _, sources in parts}


async def test_the_page_needs_no_key_and_is_revalidated(world: Served) -> None:
    answer = await world.client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "<title>Triggers</title>" in answer.text


async def test_every_asset_comes_from_the_app(world: Served) -> None:
    html = (await world.client.get("/")).text
    assert not re.findall(r'(?:src|href)="(?!/|#)', html)
    links = links_of(html)
    assert {link.rpartition(".")[2] for link in links} >= {"js", "css", "svg"}
    for link in links:
        asset = await world.client.get(link)
        assert asset.status_code == 200
        if link.startswith("/live/"):
            assert "immutable" in asset.headers["cache-control"]


async def test_the_policy_allows_only_this_origin(world: Served) -> None:
    answer = await world.client.get("/")
    policy = policy_of(answer)
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types")
    assert all(policy[name] == "'none'" for name in nothing)
    assert all(policy[name] == "'self'" for name in ("script-src", "style-src", "connect-src", "img-src"))
    assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize(
    "word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "cookie"]
)
def test_no_script_creates_markup_or_stores_data_beyond_the_tab(word: str) -> None:
    assert not [file.name for file in page.FOLDER.glob("*.js") if word in file.read_text()]


async def test_an_asset_is_compressed_if_the_client_accepts_gzip(world: Served) -> None:
    (link,) = [link for link in links_of((await world.client.get("/")).text) if link.endswith("/base.css")]
    async with world.client.stream("GET", link, headers={"accept-encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        small = b"".join([part async for part in answer.aiter_raw()])
    plain = await world.client.get(link, headers={"accept-encoding": "identity"})
    assert gzip.decompress(small) == plain.content
    assert plain.headers["content-type"] == "text/css; charset=utf-8"
