"""Consumers that follow the inboxes by cursor from the beginning, through all failures."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.chaos.events import Identity, identity_in, is_intact

_ANSWER_SECONDS = 15.0
_IDLE_SECONDS = 0.1
_SMALL_SHARE = 0.1
_SMALL_LIMIT, _LARGE_LIMIT = 5, 200
_ANYWHERE_SHARE = 0.2
_LIFE_SECONDS = (0.05, 4.0)
_OK = 200


class Follower:
    """Reads pages of random sizes, each from where the inbox's last one ended. Mostly of the inboxes that now fill."""

    def __init__(self, url: str, api_key: str, inboxes: Sequence[str], rng: random.Random) -> None:
        self.seen: dict[Identity, list[str]] = {}
        self.falling: list[str] = []
        self.broken: list[Identity] = []
        self.failed_reads = 0
        self._url = url
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._inboxes = inboxes
        self._rng = rng
        self._front = 0  # the last inbox in which anything was seen
        self._last = dict.fromkeys(inboxes, "")
        self._cursors: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set, then read every inbox to its end."""
        async with self._client() as client:
            while not stop.is_set():
                await self._read(client, self._choose())
                await asyncio.sleep(_IDLE_SECONDS)
            for inbox in self._inboxes:
                while not await self._read(client, inbox):
                    pass

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=_ANSWER_SECONDS, trust_env=False)

    def _choose(self) -> str:
        if self._rng.random() < _ANYWHERE_SHARE:
            return self._inboxes[self._rng.randint(0, self._front)]
        index = self._front + 1 - int(self._rng.expovariate(1))
        return self._inboxes[max(0, min(index, len(self._inboxes) - 1))]

    async def _read(self, client: httpx.AsyncClient, inbox: str) -> bool:
        """Read one page; True if it was the last one there is now."""
        params: dict[str, str | int] = {"inbox": inbox, **self._asked()}
        if inbox in self._cursors:
            params["after"] = self._cursors[inbox]
        try:
            answer = await client.get("/v1/inbox", params=params)
        except httpx.TransportError:
            answer = None
        if answer is None or answer.status_code != _OK:
            self.failed_reads += 1
            await asyncio.sleep(_IDLE_SECONDS)
            return False
        page = answer.json()
        self._take(inbox, page)
        return not page["more"]

    def _asked(self) -> dict[str, int]:
        """Return the parameters of the next page."""
        limit = _SMALL_LIMIT if self._rng.random() < _SMALL_SHARE else _LARGE_LIMIT
        return {"limit": self._rng.randint(1, limit)}

    def _take(self, inbox: str, page: dict[str, Any]) -> None:
        for event in page["events"]:
            identity, position = identity_in(event), event["position"]
            if position <= self._last[inbox]:
                self.falling.append(f"{position} after {self._last[inbox]} in {inbox}")
            if not is_intact(event):
                self.broken.append(identity)
            self._last[inbox] = position
            self.seen.setdefault(identity, []).append(position)
        if page["events"]:
            self._front = max(self._front, self._inboxes.index(inbox))
        self._cursors[inbox] = page["next"]


class RestartingFollower(Follower):
    """Stops dead at random, also in the middle of a read, and continues from its saved cursors."""

    def __init__(self, url: str, api_key: str, inboxes: Sequence[str], rng: random.Random, saved: Path) -> None:
        super().__init__(url, api_key, inboxes, rng)
        self.lives = 0
        self._saved = saved

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set, restarting again and again, then read to the end."""
        while not stop.is_set():
            self._revive()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rng.uniform(*_LIFE_SECONDS)):
                    await super().run(asyncio.Event())
        self._revive()
        await super().run(stop)

    def _revive(self) -> None:
        self.lives += 1
        self._cursors = msgspec.json.decode(self._saved.read_bytes()) if self._saved.exists() else {}

    def _take(self, inbox: str, page: dict[str, Any]) -> None:
        super()._take(inbox, page)
        self._saved.write_bytes(msgspec.json.encode(self._cursors))
