"""How an API says that it is."""

from cli.api_state import ApiState, look_at_api
from tests.unit.cli.fake_api import Answer, FakeApi, problem

STATUS = Answer(200, b'{"name":"Triggers","version":"1.2.3","uptime_seconds":90,"health":"ok"}')


async def test_without_a_url_there_is_no_state() -> None:
    assert await look_at_api(None) == (None, [])


async def test_a_ready_api(api: FakeApi) -> None:
    api.answers = [Answer(200, b"ready\n"), STATUS]
    assert await look_at_api(api.url) == (ApiState(url=api.url, ready=True, version="1.2.3", uptime_seconds=90), [])
    assert [asked.path for asked in api.asked] == ["/readyz", "/status"]


async def test_a_password_in_the_url_is_used_but_not_shown(api: FakeApi) -> None:
    api.answers = [Answer(503, b"down"), Answer(404)]
    reported = await look_at_api(api.url.replace("://", "://me:hidden@"))
    assert "hidden" not in str(reported)
    assert api.asked[0].headers["authorization"].startswith("Basic ")


async def test_an_api_that_is_not_ready_gives_its_reason(api: FakeApi) -> None:
    api.answers = [problem(503, "not ready: inbox"), STATUS]
    state, problems = await look_at_api(api.url)
    assert state == ApiState(url=api.url, ready=False, version="1.2.3", uptime_seconds=90)
    assert problems == [f"The API at {api.url} is not ready: 503: not ready: inbox. See its log."]


async def test_another_server(api: FakeApi) -> None:
    api.otherwise = lambda _: Answer(200, b"<html>")
    assert await look_at_api(api.url) == (
        ApiState(url=api.url, ready=False),
        [f"The server at {api.url} is not Triggers: check --url."],
    )


async def test_an_unreachable_api(free_port: int) -> None:
    state, [said] = await look_at_api(f"http://127.0.0.1:{free_port}")
    assert state == ApiState(url=f"http://127.0.0.1:{free_port}", ready=False)
    assert "can't be reached" in said


async def test_an_invalid_url() -> None:
    _, [said] = await look_at_api("http://a\x01b")
    assert "can't be reached (Invalid" in said
