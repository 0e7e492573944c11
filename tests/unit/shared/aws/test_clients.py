"""Clients are opened here without any call, so nothing listens anywhere."""

from typing import Any

import pytest

from shared.aws.clients import AwsClients
from shared.settings import Settings


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


async def test_the_region_is_the_settings_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    async with AwsClients(Settings(aws_region="eu-central-1")).sqs() as client:
        assert client.meta.region_name == "eu-central-1"


async def test_a_call_at_a_position_is_tried_once_for_the_store_timeout() -> None:
    async with AwsClients(Settings(store_timeout_ms=400)).dynamodb_once() as client:
        config = _config_of(client)
    assert (config.connect_timeout, config.read_timeout) == (0.4, 0.4)
    assert config.retries["total_max_attempts"] == 1


async def test_a_read_may_be_tried_again() -> None:
    async with AwsClients(Settings()).dynamodb() as client:
        assert _config_of(client).retries["total_max_attempts"] == 3


async def test_both_attempts_of_a_send_fit_its_timeout() -> None:
    async with AwsClients(Settings(queue_timeout_ms=3000)).sqs() as client:
        config = _config_of(client)
    assert config.read_timeout * config.retries["total_max_attempts"] == 3
    assert config.max_pool_connections == 50


async def test_a_long_poll_may_take_its_time() -> None:
    async with AwsClients(Settings()).sqs_polling() as client:
        assert _config_of(client).read_timeout > 20


def _config_of(client: Any) -> Any:
    return client.meta.config
