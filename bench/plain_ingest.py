"""The plain build's ingest: FastAPI, pydantic, and one `send_message` per event."""

import asyncio
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

from bench.plain_event import QUEUE, Event, client

_DIGEST = hashlib.sha256(os.environ.get("BENCH_API_KEY", "").encode()).digest()


class Accepted(BaseModel):
    """The answer for one event."""

    id: str
    source: str
    inbox: str


class AcceptedBatch(BaseModel):
    """The answer for a batch."""

    accepted: int
    events: list[Accepted]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with client("sqs") as sqs:
        app.state.sqs = sqs
        app.state.url = (await sqs.get_queue_url(QueueName=QUEUE))["QueueUrl"]
        yield


async def _authenticate(authorization: Annotated[str, Header()] = "") -> None:
    """Compare digests, as with a cached read of the key table."""
    token = authorization.removeprefix("Bearer ")
    if not hmac.compare_digest(hashlib.sha256(token.encode()).digest(), _DIGEST):
        raise HTTPException(401)


app = FastAPI(lifespan=_lifespan, dependencies=[Depends(_authenticate)])


@app.post("/v1/events", status_code=202)
async def post_events(
    posted: Event | Annotated[list[Event], Field(min_length=1, max_length=1000)],
) -> Accepted | AcceptedBatch:
    """Queue one event, or each of a batch."""
    if isinstance(posted, Event):
        return await _send(posted)
    accepted = await asyncio.gather(*map(_send, posted))
    return AcceptedBatch(accepted=len(accepted), events=accepted)


async def _send(event: Event) -> Accepted:
    sqs: Any = app.state.sqs
    await sqs.send_message(QueueUrl=app.state.url, MessageBody=event.model_dump_json())
    return Accepted(id=event.id, source=event.source, inbox=event.inbox)
