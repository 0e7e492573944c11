from typing import Any

import pytest

from shared.aws.sqs import SqsQueue
from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from shared.ports import Message, Outgoing
from tests.unit.shared.aws.scripted import ScriptedClient, client_error

_MESSAGES = [Message(id="1", body="a", handle="h1"), Message(id="2", body="b", handle="h2")]


def _queue(*answers: object) -> tuple[SqsQueue, ScriptedClient]:
    client: Any = ScriptedClient(*answers)
    return SqsQueue(client, client, "url"), client


def _failed(id_: str, code: str, *, sender: bool) -> dict[str, object]:
    return {"Id": id_, "Code": code, "SenderFault": sender, "Message": "?"}


async def test_each_entry_of_an_answer_is_its_message_s_outcome() -> None:
    answer = {
        "Successful": [{"Id": "4"}, {"Id": "0"}],
        "Failed": [
            _failed("1", "InvalidMessageContents", sender=True),
            _failed("2", "InternalError", sender=False),
            _failed("3", "RequestThrottled", sender=True),
            _failed("6", "KmsAccessDenied", sender=True),
        ],
    }
    queue, _ = _queue(answer)

    outcomes = await queue.send([Outgoing(body="x")] * 7)

    assert outcomes == [
        Outcome.DONE,
        Outcome.REFUSED,
        Outcome.UNCLEAR,
        Outcome.THROTTLED,
        Outcome.DONE,
        Outcome.UNCLEAR,  # SQS did not mention it
        Outcome.THROTTLED,
    ]


async def test_a_message_is_sent_with_what_it_carries_and_no_more() -> None:
    queue, client = _queue({"Successful": []})

    await queue.send(
        [
            Outgoing(body="a"),
            Outgoing(body="b", attributes={"traceparent": "00"}, group="tenant", delay_seconds=3),
            Outgoing(body="c", group="ü"),
        ]
    )

    [(_, arguments)] = client.calls
    plain, full, hashed = arguments["Entries"]
    assert plain == {"Id": "0", "MessageBody": "a"}
    assert full == {
        "Id": "1",
        "MessageBody": "b",
        "MessageAttributes": {"traceparent": {"DataType": "String", "StringValue": "00"}},
        "MessageGroupId": "tenant",
        "DelaySeconds": 3,
    }
    assert hashed["MessageGroupId"].isalnum()


@pytest.mark.parametrize(
    ("error", "ours"),
    [(client_error("RequestThrottled"), Unavailable), (client_error("InternalFailure", 500), Unclear)],
)
async def test_a_call_that_fails_raises_our_errors(error: Exception, ours: type[Exception]) -> None:
    queue, _ = _queue(error, error, error, error)

    with pytest.raises(ours):
        await queue.send([Outgoing(body="a")])
    with pytest.raises(ours):
        await queue.receive(limit=1, wait_seconds=0, visibility_seconds=1)
    with pytest.raises(ours):
        await queue.delete(_MESSAGES)
    with pytest.raises(ours):
        await queue.change_visibility(_MESSAGES, 1)


async def test_a_queue_that_does_not_answer_is_unavailable() -> None:
    queue, client = _queue(client_error("InternalFailure", 500), client_error("InternalFailure", 500))

    with pytest.raises(Unavailable):
        await queue.backlog()
    with pytest.raises(Unavailable):
        await SqsQueue.open(client, client, "name")  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"])
async def test_a_message_that_is_gone_is_no_error(code: str) -> None:
    answer = {"Successful": [{"Id": "1"}], "Failed": [_failed("0", code, sender=True)]}
    queue, client = _queue(answer, answer)

    await queue.delete(_MESSAGES)
    await queue.change_visibility(_MESSAGES, 30)

    assert [operation for operation, _ in client.calls] == ["delete_message_batch", "change_message_visibility_batch"]


@pytest.mark.parametrize(("code", "ours"), [("InternalError", Unclear), ("RequestThrottled", Unavailable)])
async def test_a_message_that_sqs_failed_on_is_an_error(code: str, ours: type[Exception]) -> None:
    answer = {"Successful": [{"Id": "0"}], "Failed": [_failed("1", code, sender=False)]}
    queue, _ = _queue(answer, answer)

    with pytest.raises(ours):
        await queue.delete(_MESSAGES)
    with pytest.raises(ours):
        await queue.change_visibility(_MESSAGES, 30)


async def test_a_message_without_attributes_is_read() -> None:
    raw = {"MessageId": "1", "Body": "a", "ReceiptHandle": "h", "MessageAttributes": {"b": {"BinaryValue": b"x"}}}
    queue, _ = _queue({"Messages": [raw]}, {})

    received = await queue.receive(limit=10, wait_seconds=0, visibility_seconds=1)

    assert received == [Message(id="1", body="a", handle="h", receives=1, attributes={})]
    assert await queue.receive(limit=10, wait_seconds=0, visibility_seconds=1) == []
