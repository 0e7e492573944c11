"""The CPU of a verified delivery to a source, compared with that of a plain POST of the same body."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import payloads
from bench.builds import TENANT
from bench.ingest import CONNECTIONS
from bench.load import Spec
from bench.plan import Plan
from bench.processes import Server, load
from bench.results import Row, alternate, row
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.secrets import new_secret, seal
from ingest.sources.webhook import Webhook
from shared.aws.clients import AwsClients
from shared.aws.source_store import DynamoSourceStore
from shared.clock import SystemClock
from shared.model import source as sources_model
from shared.model.source_scheme import SchemeName
from shared.secret_box import KeyFileBox
from shared.settings import Settings

_SENDERS = 16
"""Keys and sources, so that none reaches its limit, and both sides make equal packs."""
_SCHEMES: tuple[SchemeName, ...] = ("none", "github", "stripe", "standard")
_GOAL = 1.5


def sources(plan: Plan) -> Iterator[Row]:
    """Compare the CPU time of requests at full load, in one process of ingest."""
    stage = plan.stage
    bodies = payloads.events(100 * _SENDERS)
    with tempfile.TemporaryDirectory() as directory, stage.ingest(DATA_DIR=directory) as server:
        tokens = [stage.token, *(asyncio.run(stage.make_key()) for _ in range(_SENDERS - 1))]
        posts = [payloads.post(body, tokens[number % _SENDERS]) for number, body in enumerate(bodies)]
        sides: Mapping[str, Sequence[bytes]] = {
            "plain": posts,
            **{scheme: asyncio.run(_deliveries(scheme, bodies, Path(directory))) for scheme in _SCHEMES},
        }
        measures = {name: _cpu_us(plan, server, requests) for name, requests in sides.items()}
        for measure in measures.values():
            measure()  # keys and sources are verified and cached by now
        measured = alternate(measures, plan.rounds, "µs CPU")
    for scheme in _SCHEMES:
        yield row(
            "sources",
            f"delivery with the scheme {scheme}, vs a plain POST",
            ours=measured[scheme],
            theirs=measured["plain"],
            sense="at most",
            goal=_GOAL,
        )


def _cpu_us(plan: Plan, server: Server, requests: Sequence[bytes]) -> Callable[[], float]:
    def measure() -> float:
        plan.stage.aws.setup()
        report = load(
            Spec(
                port=server.port,
                pid=server.pid,
                requests=list(requests),
                connections=CONNECTIONS,
                warm_seconds=plan.warm_seconds,
                seconds=plan.seconds,
            )
        )
        plan.stage.aws.counts()
        if report.statuses.keys() - {200, 202}:
            raise RuntimeError(f"answers: {report.statuses}")
        return report.server_cpu_seconds * 1e6 / report.requests

    return measure


async def _deliveries(scheme: SchemeName, bodies: Sequence[bytes], directory: Path) -> list[bytes]:
    """Create sources whose key file is in `directory`; return signed requests, one per body."""
    settings, box, now_ms = Settings(), KeyFileBox.in_directory(directory), SystemClock().wall_ms()
    senders = []
    async with AwsClients(settings).dynamodb() as dynamodb:
        store = DynamoSourceStore(dynamodb, settings.dynamodb_table_sources)
        for number in range(_SENDERS):
            source, token = sources_model.create(tenant=TENANT, name=f"{scheme}-{number}", scheme=scheme, now_ms=now_ms)
            secrets = [] if scheme == "none" else [new_secret(source)]
            for secret in secrets:
                source = sources_model.with_secret(source, await seal(box, source, secret, now_ms))
            await store.put(source)
            senders.append((scheme_of(scheme, secrets, source.options), token))
    signed = []
    for number, body in enumerate(bodies):
        verifier, token = senders[number % _SENDERS]
        webhook = verifier.sign(Webhook(body), now_ms)
        signed.append(payloads.deliver(body, token, webhook.headers))
    return signed
