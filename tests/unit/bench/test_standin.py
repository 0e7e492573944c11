from typing import Any

import msgspec

from bench.standin import StandIn


def _ask(stand_in: StandIn, operation: str, request: Any) -> Any:
    content, _ = stand_in.answer("/", b"Service." + operation.encode(), msgspec.json.encode(request))
    return msgspec.json.decode(content)


def _set(stand_in: StandIn, **setup: Any) -> None:
    stand_in.answer("/_bench/setup", b"", msgspec.json.encode(setup))


def test_what_is_sent_is_handed_out_once_if_it_is_kept() -> None:
    stand_in = StandIn(1)
    _set(stand_in, keep=True)
    entries = [{"Id": "0", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"}]
    assert [done["Id"] for done in _ask(stand_in, "SendMessageBatch", {"Entries": entries})["Successful"]] == ["0", "1"]
    received = _ask(stand_in, "ReceiveMessage", {"MaxNumberOfMessages": 10})["Messages"]
    assert [message["Body"] for message in received] == ["a", "b"]
    assert _ask(stand_in, "ReceiveMessage", {"MaxNumberOfMessages": 10}) == {}


def test_given_messages_are_handed_out_for_ever() -> None:
    stand_in = StandIn(1)
    _set(stand_in, bodies=["a"], repeat=True)
    for _ in range(3):
        assert len(_ask(stand_in, "ReceiveMessage", {"MaxNumberOfMessages": 10})["Messages"]) == 1


def test_a_query_stops_at_its_limit_and_says_where() -> None:
    stand_in = StandIn(1)
    _set(stand_in, items=[{"pk": "p", "sk": sk, "item": {"sk": {"S": sk}}} for sk in "dcba"])
    bounds = {":pk": {"S": "p"}, ":first": {"S": "b"}, ":last": {"S": "d"}}
    answer = _ask(stand_in, "Query", {"ExpressionAttributeValues": bounds, "Limit": 2})
    assert [item["sk"]["S"] for item in answer["Items"]] == ["b", "c"]
    assert answer["LastEvaluatedKey"]["sk"] == {"S": "c"}
    assert "LastEvaluatedKey" not in _ask(stand_in, "Query", {"ExpressionAttributeValues": bounds, "Limit": 3})


def test_an_api_key_is_read_back_and_another_item_is_not() -> None:
    stand_in = StandIn(1)
    _ask(stand_in, "PutItem", {"Item": {"pk": {"S": "key#1"}, "name": {"S": "n"}}})
    assert _ask(stand_in, "GetItem", {"Key": {"pk": {"S": "key#1"}}})["Item"]["name"] == {"S": "n"}
    assert _ask(stand_in, "GetItem", {"Key": {"pk": {"S": "key#2"}}}) == {}


def test_each_statement_has_its_answer() -> None:
    stand_in = StandIn(1)
    assert len(_ask(stand_in, "BatchExecuteStatement", {"Statements": [{}, {}]})["Responses"]) == 2


def test_counts_name_what_could_not_be_read() -> None:
    stand_in = StandIn(1)
    _ask(stand_in, "SendMessage", {"MessageBody": "junk"})
    content, _ = stand_in.answer("/_bench/counts", b"", b"")
    answer = msgspec.json.decode(content)
    assert answer["counts"]["SendMessage"] == 1
    assert len(answer["faults"]) == 1
