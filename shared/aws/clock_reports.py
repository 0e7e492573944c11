"""Reports of workers whose clocks are wrong, for `triggers status`: attributes of one item of the events table.

A worker has no port that could be asked. Beyond five minutes, AWS refuses its reports like all calls of its machine,
and only its log and metrics have the error.
"""

import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.service_time import Reading

if TYPE_CHECKING:  # the clients' types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef

EVERY_MS = 15_000
_RECENT_MS = 4 * EVERY_MS
_KEPT_SECONDS = 86_400
_KEY: "dict[str, AttributeValueTypeDef]" = {"pk": {"S": "config"}, "sk": {"S": "clocks"}}


class ClockReport(NamedTuple):
    """A worker, and by how much its clock was at least ahead (negative: behind) within the last minute."""

    host: str
    ahead_ms: float


async def write(dynamodb: "DynamoDBClient", table: str, ahead_ms: float, now: Reading) -> None:
    """Report that the clock of this machine, which shows `now`, is `ahead_ms` ahead."""
    true_ms = round(now.wall_ms - ahead_ms)
    await dynamodb.update_item(
        TableName=table,
        Key=_KEY,
        UpdateExpression="SET #host = :report, #ttl = :ttl",
        ExpressionAttributeNames={"#host": f"host {socket.gethostname()}", "#ttl": "ttl"},
        ExpressionAttributeValues={
            ":report": {"L": [{"N": str(round(ahead_ms))}, {"N": str(true_ms)}]},
            ":ttl": {"N": str(true_ms // 1000 + _KEPT_SECONDS)},
        },
    )


async def read(dynamodb: "DynamoDBClient", table: str, now_ms: int) -> list[ClockReport]:
    """Return the reports of the last minute before `now_ms`. Raises the errors of the client."""
    item: dict[str, Any] = (await dynamodb.get_item(TableName=table, Key=_KEY)).get("Item", {})
    found = []
    for name, value in sorted(item.items()):
        if name.startswith("host "):
            ahead_ms, reported_ms = (int(number["N"]) for number in value["L"])
            if abs(now_ms - reported_ms) < _RECENT_MS:
                found.append(ClockReport(name.removeprefix("host "), ahead_ms))
    return found
