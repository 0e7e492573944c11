"""The plain build's event: a pydantic model, and an item with one attribute per field."""

import json
import os
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel, ConfigDict, Field

TABLE = "triggers-events"
QUEUE = "triggers-events"
TENANT = "bench"

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


class Event(BaseModel):
    """A posted event, with defaults for missing fields."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(min_length=1, max_length=255)
    data: Any = None
    id: str = Field(default_factory=lambda: str(uuid.uuid4()), min_length=1, max_length=255)
    source: str = Field(default="/", min_length=1, max_length=255)
    subject: str | None = None
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    inbox: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")


class Listed(Event):
    """An event as an inbox lists it."""

    position: str


def item_of(event: dict[str, Any], position: str) -> dict[str, Any]:
    """Return the item of an event: one attribute per field, as boto3 serializes it."""
    fields = {name: value for name, value in event.items() if value is not None}
    fields |= {"pk": f"inbox#{TENANT}#{event['inbox']}", "sk": position, "ttl": _expires_at()}
    return {name: _serializer.serialize(value) for name, value in fields.items()}


def guard_of(event: dict[str, Any], position: str) -> dict[str, Any]:
    """Return the item that claims an event's identity."""
    fields = {
        "pk": f"guard#{TENANT}#{event['inbox']}#{event['source']}#{event['id']}",
        "sk": "guard",
        "position": position,
        "ttl": _expires_at(),
    }
    return {name: _serializer.serialize(value) for name, value in fields.items()}


def event_from(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an event from its item."""
    fields = {name: _deserializer.deserialize(value) for name, value in item.items()}
    return {name: value for name, value in fields.items() if name not in ("pk", "ttl")} | {"position": fields["sk"]}


def parse(text: str) -> dict[str, Any]:
    """Return an event from a message, with numbers as `Decimal`, which boto3 requires."""
    event: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return event


def client(service: str) -> Any:  # noqa: ANN401
    """Return a context manager of an AWS client with up to 100 connections."""
    session: Any = aioboto3.Session(region_name=os.environ.get("AWS_REGION", "us-east-1"))
    return session.client(service, config=AioConfig(max_pool_connections=100))


def _expires_at() -> int:
    return int(datetime.now(UTC).timestamp()) + 30 * 86_400
