"""The console on real queues."""

from msgspec.structs import replace

from console import app
from shared.aws.backend import AwsBackend
from shared.aws.clients import AwsClients
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key
from shared.ports import Outgoing
from shared.settings import Settings
from tests.serving import client_of, serving


class _KeysInMemory(AwsBackend):
    def __init__(self, settings: Settings, keys: MemoryKeyStore) -> None:
        super().__init__(settings, SystemClock())
        self._keys = keys

    async def keys(self) -> MemoryKeyStore:  # type: ignore[override]
        return self._keys


async def test_messages_are_redriven_as_soon_as_the_queues_exist(aws_settings: Settings) -> None:
    settings = replace(aws_settings, dlq_name=f"{aws_settings.dlq_name}-later")
    now_ms, store = SystemClock().wall_ms(), MemoryKeyStore()
    key, token = api_key.create(tenant="t", name="n", scopes=[api_key.OPERATE], now_ms=now_ms, bcrypt_cost=4)
    await store.put(key)
    console = app.create_app(settings, backend=_KeysInMemory(settings, store))
    async with client_of(console) as client, AwsClients(settings).sqs() as sqs:
        client.headers["authorization"] = f"Bearer {token}"
        async with serving(console):
            assert (await client.get("/readyz")).status_code == 200  # events do not wait for it
            assert (await client.get("/v1/queue")).status_code == 503
            await sqs.create_queue(QueueName=settings.dlq_name)
            dlq = await SqsQueue.open(sqs, sqs, settings.dlq_name)
            await dlq.send([Outgoing(body="x"), Outgoing(body="y")])
            assert (await client.get("/v1/queue")).json() == {"waiting": 0, "dead": 2}
            look = (await client.get("/v1/dlq")).json()
            assert [dead_letter["receives"] for dead_letter in look["messages"]] == [1, 1]
            answer = await client.post("/v1/dlq/redrive", json={"ids": [look["messages"][0]["id"]]})
            assert answer.json() == {"redriven": 1, "left": 0}
            assert (await client.get("/v1/queue")).json() == {"waiting": 1, "dead": 1}
