"""A `GroupStore` in a DynamoDB table of its own. A lease and its ack are one UpdateItem each, of the same item."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.aws.errors import code_of, translated, translated_read
from shared.aws.group_items import (
    config_value,
    ledger_from,
    ledger_item,
    ledger_key,
    ledgers_key,
    quarantine_item,
    quarantine_key,
    quarantine_prefix,
    quarantined_from,
    retries_prefix,
    retry_from,
    retry_item,
    retry_key,
    rows_key,
    window_value,
)
from shared.aws.items import Item, number, text
from shared.clock import Clock, SystemClock
from shared.model.errors import Unavailable, Unclear
from shared.model.groups import GroupConfig, GroupName, Ledger, Quarantined, Retry, Window

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

_BATCH_PAUSES_MS = (0, 20, 40, 80, 160)
"""Pauses before the attempts of a batch, of which DynamoDB skips a part if it is throttled."""

_LAST = "~"
"""Greater than every digit and every position."""

_SYSTEM_CLOCK = SystemClock()


class DynamoGroupStore:
    """The groups in one table. Its client makes one attempt per call, since a repeated change would seem refused."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock = _SYSTEM_CLOCK) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    async def read(self, group: GroupName) -> Ledger | None:
        """Return the ledger."""
        with translated_read():
            answer = await self._client.get_item(TableName=self._table, Key=ledger_key(group), ConsistentRead=True)
        return ledger_from(answer["Item"]) if "Item" in answer else None

    async def groups_of(self, tenant: str, inbox: str) -> list[tuple[GroupName, Ledger]]:
        """Return the groups of an inbox."""
        items = await self._query(ledgers_key(tenant, inbox))
        return [(GroupName(tenant, inbox, item["sk"]["S"]), ledger_from(item)) for item in items]

    async def create(self, group: GroupName, ledger: Ledger) -> bool:
        """Add a group."""
        with translated():
            try:
                await self._client.put_item(
                    TableName=self._table,
                    Item=ledger_item(group, ledger),
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except ClientError as error:
                return _refused(error)
        return True

    async def configure(self, group: GroupName, born: int, config: GroupConfig) -> bool:
        """Replace the configuration."""
        return await self._update(
            group, "SET config = :config", "born = :born", {":config": config_value(config), ":born": number(born)}
        )

    async def open(self, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]) -> bool:
        """Set the frontier and add windows."""
        added, names, values = _added(windows)
        return await self._update(
            group,
            ", ".join(["SET frontier = :frontier, serial = serial + :one", *added]),
            "epoch = :epoch AND serial = :serial",
            values
            | {
                ":frontier": text(frontier),
                ":one": number(1),
                ":epoch": number(seen.epoch),
                ":serial": number(seen.serial),
            },
            names,
        )

    async def exchange(self, group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
        """Replace a window."""
        added, names, values = _added(windows)
        change = f"SET {', '.join(added)}" if added else ""
        if key not in windows:
            change += " REMOVE windows.#seen"
        return await self._update(
            group,
            change,
            "windows.#seen = :seen",
            values | {":seen": window_value(seen)},
            names | {"#seen": key},
        )

    async def seek(self, group: GroupName, seen: Ledger, frontier: str, epoch: int) -> bool:
        """Set the frontier and close all windows."""
        return await self._update(
            group,
            "SET frontier = :frontier, epoch = :new, windows = :none, serial = serial + :one",
            "epoch = :epoch",
            {
                ":frontier": text(frontier),
                ":new": number(epoch),
                ":none": {"M": {}},
                ":one": number(1),
                ":epoch": number(seen.epoch),
            },
        )

    async def delete(self, group: GroupName, born: int) -> bool:
        """Delete a group."""
        with translated():
            try:
                await self._client.delete_item(
                    TableName=self._table,
                    Key=ledger_key(group),
                    ConditionExpression="born = :born",
                    ExpressionAttributeValues={":born": number(born)},
                )
            except ClientError as error:
                return _refused(error)
        return True

    async def put_retries(self, group: GroupName, epoch: int, retries: Sequence[Retry], expires_at: int) -> None:
        """Write retries."""
        await self._write(_puts([retry_item(group, epoch, retry, expires_at) for retry in retries]))

    async def delete_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> None:
        """Delete retries."""
        await self._write(_deletes([retry_key(group, epoch, *name) for name in names]))

    async def retries(
        self, group: GroupName, epoch: int, *, limit: int, before: int | None = None, after: tuple[int, str] = (0, "")
    ) -> list[Retry]:
        """Return retries in the order of due times."""
        prefix = retries_prefix(epoch)
        first = f"{prefix}{after[0]:013d}#{after[1]}"
        # BETWEEN includes both ends, but no row has a key like the last one. The first is that of the row before.
        last = f"{prefix}{_LAST}" if before is None else f"{prefix}{before:013d}"
        items = await self._query(rows_key(group), (f"{first} " if after[1] else first, last), limit)
        return list(map(retry_from, items))

    async def find_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> list[Retry]:
        """Return the retries that exist."""
        pending: Any = [retry_key(group, epoch, *name) for name in names]
        found: dict[tuple[int, str], Retry] = {}
        for pause_ms in _BATCH_PAUSES_MS:
            if not pending:
                break
            await self._clock.sleep_ms(pause_ms)
            with translated_read():
                answer = await self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": pending, "ConsistentRead": True}}
                )
            for retry in map(retry_from, answer["Responses"].get(self._table, [])):
                found[retry.due, retry.position] = retry
            unprocessed: Any = answer.get("UnprocessedKeys", {})
            pending = unprocessed.get(self._table, {}).get("Keys")
        if pending:
            raise Unavailable("the groups table skipped keys repeatedly")
        return [found[name] for name in names if name in found]

    async def put_quarantined(
        self, group: GroupName, born: int, events: Sequence[Quarantined], expires_at: int
    ) -> None:
        """Put events into quarantine."""
        await self._write(_puts([quarantine_item(group, born, event, expires_at) for event in events]))

    async def quarantined(self, group: GroupName, born: int, *, limit: int, after: str = "") -> list[Quarantined]:
        """Return events in quarantine."""
        prefix = quarantine_prefix(born)
        between = (f"{prefix}{after} " if after else prefix, f"{prefix}{_LAST}")
        return list(map(quarantined_from, await self._query(rows_key(group), between, limit)))

    async def delete_quarantined(self, group: GroupName, born: int, places: Sequence[str]) -> None:
        """Take events out of quarantine."""
        await self._write(_deletes([quarantine_key(group, born, place) for place in places]))

    async def ready(self) -> None:
        """Return if the table responds. Costs half a read unit."""
        with translated_read():
            await self._client.get_item(TableName=self._table, Key={"pk": text("ready"), "sk": text("ready")})

    async def _update(
        self, group: GroupName, change: str, condition: str, values: Item, names: Mapping[str, str] | None = None
    ) -> bool:
        arguments: dict[str, Any] = {"ExpressionAttributeNames": dict(names)} if names else {}
        with translated():
            try:
                await self._client.update_item(
                    TableName=self._table,
                    Key=ledger_key(group),
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    **arguments,
                )
            except ClientError as error:
                return _refused(error)
        return True

    async def _query(
        self, partition: str, between: tuple[str, str] | None = None, limit: int | None = None
    ) -> list[Item]:
        """Return the items of a partition, those between two sort keys, both inclusive, or all; at most `limit`."""
        condition, values = "pk = :pk", {":pk": text(partition)}
        if between is not None:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {":first": text(between[0]), ":last": text(between[1])}
        found: list[Item] = []
        more: dict[str, Any] = {}
        while True:
            if limit is not None:
                more["Limit"] = limit - len(found)
            with translated_read():
                page = await self._client.query(
                    TableName=self._table,
                    ConsistentRead=True,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    **more,
                )
            found += page["Items"]
            if "LastEvaluatedKey" not in page or len(found) == limit:
                return found
            more["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _write(self, requests: Any) -> None:  # noqa: ANN401 - a list of BatchWriteItem's requests
        """Write all of up to 25 items; raises `Unclear` if some may not have been written."""
        if not requests:
            return
        for pause_ms in _BATCH_PAUSES_MS:
            await self._clock.sleep_ms(pause_ms)
            with translated():
                answer = await self._client.batch_write_item(RequestItems={self._table: requests})
            requests = answer.get("UnprocessedItems", {}).get(self._table)
            if not requests:
                return
        raise Unclear("the groups table skipped items repeatedly")


def _added(windows: Mapping[str, Window]) -> tuple[list[str], dict[str, str], Item]:
    """Return the parts of an expression that sets `windows`, and its names and values."""
    numbered = list(enumerate(windows.items()))
    return (
        [f"windows.#k{number_} = :w{number_}" for number_, _ in numbered],
        {f"#k{number_}": key for number_, (key, _) in numbered},
        {f":w{number_}": window_value(window) for number_, (_, window) in numbered},
    )


def _puts(items: Sequence[Item]) -> list[Item]:
    return [{"PutRequest": {"Item": item}} for item in items]


def _deletes(keys: Sequence[Item]) -> list[Item]:
    return [{"DeleteRequest": {"Key": key}} for key in keys]


def _refused(error: ClientError) -> bool:
    """Return False if a condition did not hold; raise any other error."""
    if code_of(error) == "ConditionalCheckFailedException":
        return False
    raise error
