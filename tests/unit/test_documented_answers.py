import httpx
import pytest

from openapi.inbox_schemas import EVENT
from tests.documented_answers import check_answer

PAGE = {"events": [EVENT], "next": "c", "more": False}


def answer(content: object, path: str = "/v1/inbox", status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=content, request=httpx.Request("GET", f"http://triggers{path}"))


async def test_documented_answers_pass() -> None:
    await check_answer(answer(PAGE))
    await check_answer(answer({}, "/elsewhere"))
    await check_answer(answer({**EVENT, "source": "//[25]/Z"}, "/elsewhere"))


@pytest.mark.parametrize(
    "content",
    [
        {**PAGE, "next": None},
        {**PAGE, "events": [{**EVENT, "source": "a b"}]},
        {**PAGE, "events": [{**EVENT, "receivedat": "yesterday"}]},
        {**PAGE, "events": [{key: value for key, value in EVENT.items() if key != "position"}]},
    ],
)
async def test_others_are_detected(content: object) -> None:
    with pytest.raises(AssertionError, match="as documented"):
        await check_answer(answer(content))


async def test_a_source_that_ingest_accepts_is_documented() -> None:
    await check_answer(answer({**PAGE, "events": [{**EVENT, "source": "//[25]/Z"}]}))
