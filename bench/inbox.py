"""The inbox: CPU time per page of 100 events."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import msgspec

from bench import payloads
from bench.builds import TENANT
from bench.load import Spec
from bench.plain_event import Event, item_of, parse
from bench.plan import Plan
from bench.processes import Server, load
from bench.results import Row, alternate, row
from bench.worker import packed_messages
from shared.aws.items import record_item
from shared.compression import compress
from shared.model import cursor
from shared.model import pack as packs
from shared.model.layout import Layout
from shared.model.pack import EventPack
from shared.model.records import Place, StoredEvent

PAGE = 100
_EVENTS = 2000
_CONNECTIONS = 4
_LATER = 1 << 33  # epoch seconds


def inbox(plan: Plan) -> Iterator[Row]:
    """Compare CPU milliseconds per page."""
    stage, positions = plan.stage, _positions()
    ours, plain = _our_items(positions), _plain_items(positions)
    stage.aws.setup(items=[*ours, *plain])
    # Each reader uses another cursor, or they would share reads.
    starts = positions[: _EVENTS - PAGE : 7]
    our_pages = [f"/v1/inbox?limit={PAGE}&after={quote(cursor.encode(start, 'default'))}" for start in starts]
    plain_pages = [f"/v1/inbox?limit={PAGE}&after={start}" for start in starts]
    with ExitStack() as stack:
        our_server, plain_server = stack.enter_context(stage.inbox()), stack.enter_context(stage.plain_inbox())

        def cpu_ms(server: Server, paths: list[str]) -> Callable[[], float]:
            requests = [payloads.get(path, stage.token) for path in paths]
            return lambda: _cpu_ms_a_page(plan, server, requests)

        measured = alternate(
            {"ours": cpu_ms(our_server, our_pages), "plain": cpu_ms(plain_server, plain_pages)},
            plan.rounds,
            "CPU-ms/page",
        )
    yield row(
        "inbox",
        f"a page of {PAGE} events, vs plain",
        ours=measured["ours"],
        theirs=measured["plain"],
        sense="at most",
        goal=1 / 12,
    )


def _cpu_ms_a_page(plan: Plan, server: Server, requests: list[bytes]) -> float:
    report = load(
        Spec(
            port=server.port,
            pid=server.pid,
            requests=requests,
            connections=_CONNECTIONS,
            warm_seconds=plan.warm_seconds,
            seconds=plan.seconds,
        )
    )
    if report.statuses.keys() != {200}:
        raise RuntimeError(f"answers: {report.statuses}")
    return report.server_cpu_seconds * 1000 / report.requests


def _positions() -> list[str]:
    """Return positions as a worker minted them in the past, in order."""
    stamps = (0x019A_0000_0000 + index for index in range(_EVENTS))
    return [
        f"{stamp >> 16:08x}-{stamp & 0xFFFF:04x}-7000-8000-{int.from_bytes(os.urandom(6)):012x}" for stamp in stamps
    ]


def _our_items(positions: list[str]) -> list[Mapping[str, Any]]:
    unpacked = [packs.decode(body) for body in packed_messages(PAGE)]
    events = [event for pack in unpacked if isinstance(pack, EventPack) for event in pack.events]
    return [
        _loaded(
            record_item(
                StoredEvent(
                    place=Place(TENANT, "default", position),
                    type=event.type,
                    body=compress(bytes(event.body)),
                    accepted_at=0,
                    expires_at=_LATER,
                ),
                Layout(),
            )
        )
        for event, position in zip(events, positions, strict=False)
    ]


def _plain_items(positions: list[str]) -> list[Mapping[str, Any]]:
    posted = payloads.events(_EVENTS)
    events = [parse(Event(**msgspec.json.decode(event)).model_dump_json()) for event in posted]
    return [_loaded(item_of(event, position)) for event, position in zip(events, positions, strict=True)]


def _loaded(item: dict[str, Any]) -> Mapping[str, Any]:
    return {"pk": item["pk"]["S"], "sk": item["sk"]["S"], "item": item}
