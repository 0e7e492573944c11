"""The plain build's inbox: a Query, boto3's deserializer for every attribute, and a pydantic response."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel

from bench.plain_event import TABLE, TENANT, Listed, client, event_from


class Page(BaseModel):
    """A page of events, oldest first."""

    events: list[Listed]
    next: str


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with client("dynamodb") as dynamodb:
        app.state.dynamodb = dynamodb
        yield


app = FastAPI(lifespan=_lifespan)


@app.get("/v1/inbox")
async def read_inbox(
    inbox: str = "default", after: str = "0", limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Page:
    """Return the events after a position."""
    answer = await app.state.dynamodb.query(
        TableName=TABLE,
        ConsistentRead=True,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues={
            ":pk": {"S": f"inbox#{TENANT}#{inbox}"},
            ":first": {"S": f"{after}."},
            ":last": {"S": "~"},
        },
        Limit=limit,
    )
    events = [Listed(**{k: v for k, v in event_from(item).items() if k != "sk"}) for item in answer["Items"]]
    return Page(events=events, next=events[-1].position if events else after)
