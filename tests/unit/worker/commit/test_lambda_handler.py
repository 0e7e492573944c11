from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.ports import Message
from worker.commit.lambda_handler import messages_of


def aws_event(name: str) -> Any:
    return msgspec.json.decode((Path(__file__).parent / "aws_events" / f"{name}.json").read_bytes())


def test_sqs_records_become_messages() -> None:
    assert messages_of(aws_event("sqs")) == [
        Message(
            id="059f36b4-87a3-44ab-83d2-661975830a7d",
            body="pWyJhY2tzIl0=",
            handle="AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
            receives=3,
            attributes={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        ),
        Message(
            id="2e1424d4-f796-459a-8184-9c92662be6da",
            body="pWyJldmVudHMiXQ==",
            handle="AQEBzWwaftRI0KuVm4tP+/7q1rGgNqicHq...",
        ),
    ]


@pytest.mark.parametrize("event", [aws_event("sns"), {}, {"Records": [{"messageId": "1"}]}])
def test_other_records_are_rejected(event: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        messages_of(event)
