"""A stand-in for an AWS client: it answers from a script, and remembers what it was asked."""

from collections.abc import Awaitable, Callable
from typing import Any

from botocore.exceptions import ClientError


class ScriptedClient:
    """Answers its calls with `answers` in turn; an exception among them is raised."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        async def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def client_error(code: str, status: int = 400, *, reasons: list[str] | None = None) -> ClientError:
    """An error as AWS answers it, with the reasons of a cancelled transaction."""
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": "secret payload"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    if reasons is not None:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "Operation")  # type: ignore[arg-type]
