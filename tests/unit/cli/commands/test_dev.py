from cli.commands.dev import emulator_environment
from shared import settings


def test_children_get_timeouts_that_suit_the_emulator() -> None:
    loaded = settings.load(emulator_environment({}, 4566))
    assert (loaded.store_timeout_ms, loaded.settle_ms) == (1000, 1400)


def test_timeouts_set_by_the_user_are_kept() -> None:
    loaded = settings.load(emulator_environment({"SETTLE_MS": "2000", "STORE_TIMEOUT_MS": ""}, 4566))
    assert (loaded.store_timeout_ms, loaded.settle_ms) == (1000, 2000)


def test_no_variable_directs_children_to_another_endpoint() -> None:
    environ = emulator_environment(
        {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_SQS": "elsewhere", "HOME": "/home/me"}, 4566
    )
    assert "AWS_PROFILE" not in environ
    assert "AWS_ENDPOINT_URL_SQS" not in environ
    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environ["HOME"] == "/home/me"
