"""What the deployed roles may do, found out by trying, from functions that have these roles."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROBE = Path(__file__).with_name("probe.py")
_KEY = {"pk": {"S": "probe"}, "sk": {"S": "probe"}}
_API_KEY = {"pk": {"S": "key#probe"}}
Call = tuple[str, str, Mapping[str, Any]]


class Roles:
    """The roles of a deployment's functions, each found by its function's `component` in the stack."""

    def __init__(self, lambda_: Any, functions: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._lambda = lambda_
        self._functions = functions
        self._names = environment

    def check(self) -> dict[str, int]:
        """Try what must work and what must not; return how many calls each role was allowed and denied."""
        calls = self._calls()
        keys, ingest_only = {"read a key", "note a key's use"}, {"read a source"}
        reads = {"read an event", "read a body", *keys}
        groups = {"read a group", "write a group", "change a group", "delete a group"}
        allowed = {
            "worker": set(calls) - keys - ingest_only - groups,
            "inbox": reads,
            "groups": reads | groups | {"send to the queue"},
            "ingest": {"send to the queue", "read a source", *keys},
        }
        for role, expected in allowed.items():
            tried = self._try(role, calls)
            assert {name for name, may in tried.items() if may} == expected, (role, tried)
        return {role: len(expected) for role, expected in allowed.items()} | {"calls": len(calls)}

    def _calls(self) -> dict[str, Call]:
        events, keys = self._names["DYNAMODB_TABLE_EVENTS"], self._names["DYNAMODB_TABLE_API_KEYS"]
        groups = self._names["DYNAMODB_TABLE_GROUPS"]
        bucket, queue = self._names["BODIES_BUCKET"], self._names["QUEUE_URL"]
        insert = f"INSERT INTO \"{events}\" VALUE {{'pk':'probe','sk':'partiql'}}"
        move = f"UPDATE \"{events}\" SET note = 'probe' WHERE pk = 'probe' AND sk = 'partiql'"  # noqa: S608 (the same)
        delete = f"DELETE FROM \"{events}\" WHERE pk = 'probe' AND sk = 'partiql'"  # noqa: S608 (nothing of a client's)
        change = {"UpdateExpression": "SET note = :n", "ExpressionAttributeValues": {":n": {"S": "probe"}}}
        used = {"UpdateExpression": "SET last_used_at = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}
        body = {"Bucket": bucket, "Key": "bodies/probe"}
        return {
            "write an item": ("dynamodb", "put_item", {"TableName": events, "Item": _KEY}),
            "write by insert": ("dynamodb", "batch_execute_statement", {"Statements": [{"Statement": insert}]}),
            "write by move": ("dynamodb", "batch_execute_statement", {"Statements": [{"Statement": move}]}),
            "write by delete": ("dynamodb", "execute_statement", {"Statement": delete}),
            "write by update": ("dynamodb", "update_item", {"TableName": events, "Key": _KEY, **change}),
            "write in a transaction": (
                "dynamodb",
                "transact_write_items",
                {"TransactItems": [{"Put": {"TableName": events, "Item": _KEY}}]},
            ),
            "write a body": ("s3", "put_object", {**body, "Body": "probe"}),
            "read an event": ("dynamodb", "get_item", {"TableName": events, "Key": _KEY}),
            "read a body": ("s3", "get_object", body),
            "read a key": ("dynamodb", "get_item", {"TableName": keys, "Key": _API_KEY}),
            "read a source": (
                "dynamodb",
                "get_item",
                {"TableName": self._names["DYNAMODB_TABLE_SOURCES"], "Key": _API_KEY},
            ),
            # Which items and attributes a role may update, the emulator does not check; tests/cdk checks the policy.
            "note a key's use": ("dynamodb", "update_item", {"TableName": keys, "Key": _API_KEY, **used}),
            "read a group": ("dynamodb", "get_item", {"TableName": groups, "Key": _KEY}),
            "write a group": ("dynamodb", "put_item", {"TableName": groups, "Item": _KEY}),
            "change a group": ("dynamodb", "update_item", {"TableName": groups, "Key": _KEY, **change}),
            "delete a group": ("dynamodb", "delete_item", {"TableName": groups, "Key": _KEY}),
            "send to the queue": ("sqs", "send_message", {"QueueUrl": queue, "MessageBody": "probe"}),
        }

    def _try(self, role: str, calls: Mapping[str, Call]) -> dict[str, bool]:
        arn = self._lambda.get_function_configuration(FunctionName=self._functions[role])["Role"]
        name = f"probe-{role}"
        self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="probe.handler",
            Role=arn,
            Timeout=60,
            Code={"ZipFile": _zipped(_PROBE)},
        )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=name)
        answer = self._lambda.invoke(FunctionName=name, Payload=json.dumps(calls))
        self._lambda.delete_function(FunctionName=name)
        tried: dict[str, bool] = json.loads(answer["Payload"].read())
        assert tried.keys() == calls.keys(), tried
        return tried


def _zipped(path: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(path, path.name)
    return buffer.getvalue()
