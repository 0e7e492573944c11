"""Ingest as it is deployed, its queue and its keys in the emulator."""

import base64
import os

from ingest.app import create_app
from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.model import api_key, pack
from shared.model.pack import EventPack
from shared.settings import Settings
from tests.serving import client_of, serving


async def test_what_is_posted_with_a_key_of_the_table_is_in_the_queue(aws_settings: Settings) -> None:
    key, token = api_key.create(tenant="a#b", name="n", scopes=[api_key.EVENTS_WRITE], now_ms=SystemClock().wall_ms())
    async with AwsClients(aws_settings).dynamodb() as dynamodb, AwsClients(aws_settings).sqs() as sqs:
        await DynamoKeyStore(dynamodb, aws_settings.dynamodb_table_api_keys).put(key)
        app = create_app(aws_settings)
        async with serving(app), client_of(app) as client:
            client.headers["authorization"] = f"Bearer {token}"
            assert (await client.get("/readyz")).text == "ready\n"
            data = '{"\uffff": 1e300, "nested":' + "[" * 400 + "]" * 400 + "}"
            events = f'[{{"type":"a","id":"1","data":{data}}},{{"type":"b","id":"2"}}]'
            answer = await client.post(
                "/v1/events", content=events.encode(), headers={"content-type": "application/json"}
            )
        assert answer.status_code == 202
        queue = await SqsQueue.open(sqs, sqs, aws_settings.queue_name)
        (message,) = await queue.receive(limit=10, wait_seconds=5, visibility_seconds=30)
    sent = pack.decode(message.body)
    assert isinstance(sent, EventPack)
    assert (sent.tenant, sent.key_id) == ("a#b", key.key_id)
    assert [event.receipt for event in sent.events] == [event["receipt"] for event in answer.json()["events"]]
    assert f'"data":{data}' in bytes(sent.events[0].body).decode()


async def test_the_largest_request_that_zstd_can_not_shrink_fits_a_message(aws_settings: Settings) -> None:
    key, token = api_key.create(tenant="t", name="n", scopes=[api_key.EVENTS_WRITE], now_ms=SystemClock().wall_ms())
    async with AwsClients(aws_settings).dynamodb() as dynamodb:
        await DynamoKeyStore(dynamodb, aws_settings.dynamodb_table_api_keys).put(key)
        app = create_app(aws_settings)
        async with serving(app), client_of(app) as client:
            noise = base64.b64encode(os.urandom(392_000)).decode()
            headers = {"x-api-key": token, "content-type": "application/json"}
            answer = await client.post("/v1/events", content=f'{{"type":"a","data":"{noise}"}}', headers=headers)
    assert answer.status_code == 202
