from typing import Any

import pytest

from shared.aws.batch import Statement, delete_event, execute, insert
from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from tests.unit.shared.aws.scripted import ScriptedClient, client_error

_STATEMENTS: list[Statement] = [insert("t", {"pk": {"S": str(number)}}) for number in range(3)]
_DONE: dict[str, object] = {"TableName": "t"}


def _failed(code: str) -> dict[str, object]:
    return {"Error": {"Code": code, "Message": "?"}}


def _scripted(*answers: object) -> Any:
    return ScriptedClient(*answers)


def test_statements_name_their_attributes_and_carry_values_apart() -> None:
    assert insert("my.table", {"pk": {"S": "a'b"}, "ttl": {"N": "1"}}) == {
        "Statement": "INSERT INTO \"my.table\" VALUE {'pk': ?, 'ttl': ?}",
        "Parameters": [{"S": "a'b"}, {"N": "1"}],
    }
    assert delete_event("t", {"pk": {"S": "a"}, "sk": {"S": "b"}})["Parameters"] == [{"S": "a"}, {"S": "b"}]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("DuplicateItem", Outcome.EXISTS),
        ("ConditionalCheckFailed", Outcome.EXISTS),
        ("ThrottlingError", Outcome.THROTTLED),
        ("ProvisionedThroughputExceeded", Outcome.THROTTLED),
        ("RequestLimitExceeded", Outcome.THROTTLED),
        ("TransactionConflict", Outcome.THROTTLED),
        ("AccessDenied", Outcome.THROTTLED),
        ("ValidationError", Outcome.REFUSED),
        ("ItemCollectionSizeLimitExceeded", Outcome.REFUSED),
        ("InternalServerError", Outcome.UNCLEAR),
        ("SomethingNew", Outcome.UNCLEAR),
    ],
)
async def test_each_statement_has_its_own_outcome(code: str, outcome: Outcome) -> None:
    client = _scripted({"Responses": [_DONE, _failed(code), _DONE]})

    assert await execute(client, _STATEMENTS) == [Outcome.DONE, outcome, Outcome.DONE]


async def test_a_statement_that_the_answer_leaves_out_is_unclear() -> None:
    assert await execute(_scripted({"Responses": [_DONE]}), _STATEMENTS) == [
        Outcome.DONE, Outcome.UNCLEAR, Outcome.UNCLEAR,
    ]  # fmt: skip
    assert await execute(_scripted({}), _STATEMENTS) == [Outcome.UNCLEAR] * 3


async def test_a_table_at_fault_for_every_statement_is_unavailable() -> None:
    responses = [_failed("ResourceNotFound"), _failed("AccessDenied"), _failed("AccessDenied")]

    with pytest.raises(Unavailable, match="AccessDenied, ResourceNotFound"):
        await execute(_scripted({"Responses": responses}), _STATEMENTS)


@pytest.mark.parametrize("refusal", [client_error("ValidationException"), client_error("RequestEntityTooLarge", 413)])
async def test_a_call_refused_for_one_statement_is_repeated_for_each(refusal: Exception) -> None:
    client = _scripted(refusal, {"Responses": [_DONE]}, client_error("ValidationException"), {"Responses": [_DONE]})

    assert await execute(client, _STATEMENTS) == [Outcome.DONE, Outcome.REFUSED, Outcome.DONE]

    assert [arguments["Statements"] for _, arguments in client.calls] == [_STATEMENTS, *([one] for one in _STATEMENTS)]


async def test_a_statement_that_fails_when_repeated_harms_no_other() -> None:
    client = _scripted(
        client_error("ValidationException"),
        client_error("ThrottlingException"),
        client_error("InternalServerError", 500),
        {"Responses": [_failed("DuplicateItem")]},
    )

    assert await execute(client, _STATEMENTS) == [Outcome.THROTTLED, Outcome.UNCLEAR, Outcome.EXISTS]


@pytest.mark.parametrize(
    ("error", "ours"),
    [(client_error("ThrottlingException"), Unavailable), (client_error("InternalServerError", 500), Unclear)],
)
async def test_a_call_that_fails_raises_our_errors(error: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours):
        await execute(_scripted(error), _STATEMENTS)


async def test_no_statements_need_no_call() -> None:
    assert await execute(_scripted(), []) == []
