"""The sides of each comparison as processes: how Triggers, the plain build and the no-op are started."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import msgspec

from bench.processes import ALL_CORES, UVICORN, Server, StubServer, http_server, stub_aws, worker
from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.model import api_key
from shared.settings import Settings

TENANT = "bench"
_UNLIMITED = 10**9

# The worker shares two cores with the load generator, and the stub keeps no guards to read back. So a stall of the
# machine must not leave the outcome of a commit unknown. The code on the common path is the same.
_LONG_TIMEOUTS = {"COMMIT_DEADLINE_MS": "10000", "STORE_TIMEOUT_MS": "15000", "SETTLE_MS": "30000"}


class Stage(msgspec.Struct, frozen=True):
    """A stub, and an API key stored in it."""

    aws: StubServer
    token: str

    async def make_key(self) -> str:
        """Return another API key without effective limits."""
        return await _make_key(self.aws)

    def ingest(self, **settings: str) -> AbstractContextManager[Server]:
        """Run our ingest."""
        return http_server(["cli", "serve", "ingest"], self.aws.environment(**settings))

    def ingest_processes(self, count: int) -> AbstractContextManager[Server]:
        """Run `count` processes of our ingest behind one port, on all cores."""
        arguments = ["cli", "serve", "ingest", "--processes", str(count)]
        return http_server(arguments, self.aws.environment(), ALL_CORES)

    def inbox(self) -> AbstractContextManager[Server]:
        """Run our inbox."""
        return http_server(["cli", "serve", "inbox"], self.aws.environment())

    def worker(self) -> AbstractContextManager[Server]:
        """Run our worker."""
        return worker(["cli", "worker"], self.aws.environment(**_LONG_TIMEOUTS))

    def plain_ingest(self) -> AbstractContextManager[Server]:
        """Run the plain build's ingest."""
        environment = self.aws.environment(BENCH_API_KEY=self.token)
        return http_server([*UVICORN, "bench.plain_ingest:app"], environment)

    def plain_inbox(self) -> AbstractContextManager[Server]:
        """Run the plain build's inbox."""
        return http_server([*UVICORN, "bench.plain_inbox:app"], self.aws.environment())

    def plain_worker(self) -> AbstractContextManager[Server]:
        """Run the plain build's worker."""
        return worker(["bench.plain_worker"], self.aws.environment())

    def postgres_app(self, url: str) -> AbstractContextManager[Server]:
        """Run the application that stores events in the database at `url`."""
        environment = self.aws.environment(BENCH_API_KEY=self.token, BENCH_POSTGRES=url)
        return http_server([*UVICORN, "bench.postgres_app:app"], environment)

    def noop(self) -> AbstractContextManager[Server]:
        """Run the no-op."""
        return http_server([*UVICORN, "bench.noop:app"], self.aws.environment())


@contextmanager
def staged() -> Iterator[Stage]:
    """Run a stub with a key without effective limits."""
    with stub_aws() as aws:
        yield Stage(aws, asyncio.run(_make_key(aws)))


async def _make_key(aws: StubServer) -> str:
    environment = aws.environment()
    os.environ.update({name: value for name, value in environment.items() if name.startswith("AWS_")})
    key, token = api_key.create(
        tenant=TENANT, name="bench", scopes=api_key.SCOPES, now_ms=0, rate=_UNLIMITED, burst=_UNLIMITED
    )
    settings = Settings()
    async with AwsClients(settings).dynamodb() as dynamodb:
        await DynamoKeyStore(dynamodb, settings.dynamodb_table_api_keys).put(key)
    return token
