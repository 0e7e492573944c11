"""An SQS standard queue as an `EventQueue`. The dead-letter queue is another one, with its own name.

There are two clients because each has its own connection pool: a send behind ten long polls waited 3.6 s.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.aws.errors import THROTTLES, translated, translated_read
from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from shared.ports import Message, Outgoing

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.type_defs import MessageTypeDef

_MAX_GROUP_LENGTH = 128


class SqsQueue:
    """One queue. `sending` also deletes and changes visibility; `polling` only receives."""

    def __init__(self, sending: "SQSClient", polling: "SQSClient", url: str) -> None:
        self._sending = sending
        self._polling = polling
        self._url = url

    @classmethod
    async def open(cls, sending: "SQSClient", polling: "SQSClient", name: str) -> "SqsQueue":
        """Open the queue `name`; raise `Unavailable` if it does not exist or SQS does not respond."""
        with translated_read():
            response = await sending.get_queue_url(QueueName=name)
        return cls(sending, polling, response["QueueUrl"])

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Send up to 10 messages, at most 1 MiB together, in one call; return their outcomes in order."""
        if not messages:
            return []
        entries: list[Any] = [_entry(index, message) for index, message in enumerate(messages)]
        with translated():
            response = await self._sending.send_message_batch(QueueUrl=self._url, Entries=entries)
        # SQS also answers 200 if it accepted only some; a message that the response omits may have been lost.
        outcomes = {entry["Id"]: Outcome.DONE for entry in response.get("Successful", [])}
        outcomes |= {entry["Id"]: _outcome(entry) for entry in response.get("Failed", [])}
        return [outcomes.get(entry["Id"], Outcome.UNCLEAR) for entry in entries]

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        """Receive up to `limit` (1..10) messages, waiting up to `wait_seconds` (0..20) for the first."""
        with translated():
            response = await self._polling.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=limit,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=visibility_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [_message(raw) for raw in response.get("Messages", [])]

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete up to 10 messages; deleting one that no longer exists succeeds."""
        if not messages:
            return
        entries: list[Any] = [
            {"Id": str(index), "ReceiptHandle": message.handle} for index, message in enumerate(messages)
        ]
        with translated():
            response = await self._sending.delete_message_batch(QueueUrl=self._url, Entries=entries)
        _check(response.get("Failed", []))

    async def change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        """Make up to 10 received messages invisible for `seconds` (0..43,200) from now; ignore deleted ones."""
        if not messages:
            return
        entries: list[Any] = [
            {"Id": str(index), "ReceiptHandle": message.handle, "VisibilityTimeout": seconds}
            for index, message in enumerate(messages)
        ]
        with translated():
            response = await self._sending.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        _check(response.get("Failed", []))

    async def backlog(self) -> int:
        """Return the approximate number of messages; raise `Unavailable` if the queue does not respond."""
        with translated_read():
            response = await self._sending.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
            return int(response["Attributes"]["ApproximateNumberOfMessages"])


def _entry(index: int, message: Outgoing) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(index), "MessageBody": message.body}
    if message.attributes:
        entry["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
        }
    if message.group is not None:
        entry["MessageGroupId"] = _group_id(message.group)
    if message.delay_seconds:
        entry["DelaySeconds"] = message.delay_seconds
    return entry


def _group_id(group: str) -> str:
    """Return `group`, or its hash if SQS would reject it: a group id has 1..128 visible ASCII characters."""
    if 0 < len(group) <= _MAX_GROUP_LENGTH and group.isascii() and group.isprintable() and " " not in group:
        return group
    return hashlib.sha256(group.encode()).hexdigest()


def _message(raw: "MessageTypeDef") -> Message:
    attributes, system = raw.get("MessageAttributes", {}), raw.get("Attributes", {})
    return Message(
        id=raw["MessageId"],
        body=raw["Body"],
        handle=raw["ReceiptHandle"],
        receives=int(system.get("ApproximateReceiveCount", "1")),
        attributes={name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value},
        sent_at=int(system["SentTimestamp"]) if "SentTimestamp" in system else None,
    )


def _outcome(failed: Mapping[str, Any]) -> Outcome:
    """Return the outcome for one entry of `Failed`."""
    code = str(failed.get("Code", ""))
    # A missing or forbidden KMS key is a fault of the deployment, though SQS calls it one of the sender.
    if code in THROTTLES or "AccessDenied" in code or code.lower().startswith("kms"):
        return Outcome.THROTTLED
    return Outcome.REFUSED if failed.get("SenderFault") else Outcome.UNCLEAR


def _check(failed: Sequence[Mapping[str, Any]]) -> None:
    """Raise if SQS failed to delete or change a message that this process may still hold.

    Sender faults are ignored: they mean that a handle is no longer valid (`ReceiptHandleIsInvalid`,
    `MessageNotInflight`, `InvalidParameterValue`), since the message was deleted or received again.
    """
    outcomes = {_outcome(entry) for entry in failed}
    if Outcome.UNCLEAR in outcomes:
        raise Unclear("SQS failed on some of the messages")
    if Outcome.THROTTLED in outcomes:
        raise Unavailable("SQS throttled some of the messages")
