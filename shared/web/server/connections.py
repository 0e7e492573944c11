"""All connections of a process: how many there may be, and when each one's time is up.

One timer for all, twice a second: a timer a connection, set and cancelled at each request, costs more than this whole
package does.
"""

import asyncio
import ipaddress
import logging
from collections import Counter
from typing import Protocol

from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.server.refusals import Reason
from shared.web.server.unsent import UnsentAnswers

_SWEEP_SECONDS = 0.5
_LOG_SECONDS = 1.0

_MAX_HEAD_BYTES = 16 * 1024 * 1024
"""Of requests whose headers have begun and not ended, in a process. Nearly all headers come in one segment."""

MAX_REFUSED = 64
"""Refused connections that are kept until their client has read why; past that they are closed at once."""

_OTHER_FILES = 128
"""Open files kept for everything but clients: listeners, calls to AWS, standard streams."""

_IPV6_SITE_BYTES = 8
"""An IPv6 client has at least a /64 of addresses."""

_log = logging.getLogger("triggers.http")


class Connection(Protocol):
    """What a sweep asks of a connection. `deadline` is by the event loop's clock."""

    deadline: float

    def expire(self, now: float) -> None:
        """Act on a deadline that has passed, and set another."""


class Connections:
    """Counts connections, holds them to their deadlines, and reports what was refused."""

    def __init__(self, settings: Settings, metrics: Metrics, *, open_files: int | None = None) -> None:
        self._max = settings.max_connections
        if open_files is not None and open_files - _OTHER_FILES < self._max:
            self._max = max(1, open_files - _OTHER_FILES)
            _log.warning("open files limit the number of connections", extra={"max_connections": self._max})
        self._max_per_address = settings.max_connections_per_address
        self._admitted: dict[Connection, str] = {}
        self._refused: set[Connection] = set()
        self._per_address: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refusals = metrics.http_refusals
        self._unreported: Counter[str] = Counter()
        self._reported = 0.0
        self.head_bytes = 0
        self.unsent = UnsentAnswers(settings.max_unsent_bytes, settings.send_timeout_seconds)

    @property
    def heads_are_full(self) -> bool:
        """Whether unfinished headers hold as much memory as they may."""
        return self.head_bytes > _MAX_HEAD_BYTES

    def admit(self, connection: Connection, address: str | None) -> Reason | None:
        """Count a new connection; return why it is refused, if it is."""
        site = _site_of(address) if address and self._max_per_address else ""
        reason: Reason | None = None
        if len(self._admitted) >= self._max:
            reason = "connections"
        elif site and self._per_address[site] >= self._max_per_address:
            reason = "address"
        else:
            self._admitted[connection] = site
            if site:
                self._per_address[site] += 1
        self._watch()
        return reason

    def keep_refused(self, connection: Connection) -> bool:
        """Hold a refused connection to its deadline; False if there are too many, and it should be closed at once."""
        if len(self._refused) >= MAX_REFUSED:
            return False
        self._refused.add(connection)
        return True

    def discard(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._refused.discard(connection)
        site = self._admitted.pop(connection, "")
        if site:
            self._per_address[site] -= 1
            if not self._per_address[site]:
                del self._per_address[site]

    def count(self, reason: Reason) -> None:
        """Count a refusal."""
        self._refusals.of(reason).add()
        self._unreported[reason] += 1

    def _watch(self) -> None:
        """Start sweeping, unless it has started."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        now = loop.time()
        due = [each for group in (self._admitted, self._refused) for each in group if each.deadline <= now]
        for connection in due:
            connection.expire(now)
        self.unsent.cut_stalled(now)
        if self._unreported and now - self._reported >= _LOG_SECONDS:
            _log.warning("refused before the app", extra={"refusals": dict(self._unreported)})
            self._unreported.clear()
            self._reported = now
        if self._admitted or self._refused or self._unreported:
            self._watch()


def _site_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 of an IPv6 one."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address)
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else parsed.packed[:_IPV6_SITE_BYTES].hex()
