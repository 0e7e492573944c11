from typing import Any

import msgspec

from bench.stub_aws import StubAws


def _ask(stub: StubAws, operation: str, request: Any) -> Any:
    content, _ = stub.answer("/", b"Service." + operation.encode(), msgspec.json.encode(request))
    return msgspec.json.decode(content)


def _set(stub: StubAws, **setup: Any) -> None:
    stub.answer("/_bench/setup", b"", msgspec.json.encode(setup))


def test_what_is_sent_is_handed_out_once_if_it_is_kept() -> None:
    stub = StubAws(1)
    _set(stub, keep=True)
    entries = [{"Id": "0", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"}]
    assert [done["Id"] for done in _ask(stub, "SendMessageBatch", {"Entries": entries})["Successful"]] == ["0", "1"]
    received = _ask(stub, "ReceiveMessage", {"MaxNumberOfMessages": 10})["Messages"]
    assert [message["Body"] for message in received] == ["a", "b"]
    assert _ask(stub, "ReceiveMessage", {"MaxNumberOfMessages": 10}) == {}


def test_given_messages_are_handed_out_for_ever() -> None:
    stub = StubAws(1)
    _set(stub, bodies=["a"], repeat=True)
    for _ in range(3):
        assert len(_ask(stub, "ReceiveMessage", {"MaxNumberOfMessages": 10})["Messages"]) == 1


def test_a_query_stops_at_its_limit_and_says_where() -> None:
    stub = StubAws(1)
    _set(stub, items=[{"pk": "p", "sk": sk, "item": {"sk": {"S": sk}}} for sk in "dcba"])
    bounds = {":pk": {"S": "p"}, ":first": {"S": "b"}, ":last": {"S": "d"}}
    answer = _ask(stub, "Query", {"ExpressionAttributeValues": bounds, "Limit": 2})
    assert [item["sk"]["S"] for item in answer["Items"]] == ["b", "c"]
    assert answer["LastEvaluatedKey"]["sk"] == {"S": "c"}
    assert "LastEvaluatedKey" not in _ask(stub, "Query", {"ExpressionAttributeValues": bounds, "Limit": 3})


def test_an_api_key_is_read_back_and_another_item_is_not() -> None:
    stub = StubAws(1)
    _ask(stub, "PutItem", {"Item": {"pk": {"S": "key#1"}, "name": {"S": "n"}}})
    assert _ask(stub, "GetItem", {"Key": {"pk": {"S": "key#1"}}})["Item"]["name"] == {"S": "n"}
    assert _ask(stub, "GetItem", {"Key": {"pk": {"S": "key#2"}}}) == {}


def test_each_statement_has_its_answer() -> None:
    stub = StubAws(1)
    assert len(_ask(stub, "BatchExecuteStatement", {"Statements": [{}, {}]})["Responses"]) == 2


def test_counts_name_what_could_not_be_read() -> None:
    stub = StubAws(1)
    _ask(stub, "SendMessage", {"MessageBody": "junk"})
    content, _ = stub.answer("/_bench/counts", b"", b"")
    answer = msgspec.json.decode(content)
    assert answer["counts"]["SendMessage"] == 1
    assert len(answer["faults"]) == 1
