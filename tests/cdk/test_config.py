"""The stages, and their fields in the context."""

import pytest
from msgspec import ValidationError
from msgspec.structs import replace

from cdk import config


def test_a_stage_is_chosen_by_name() -> None:
    assert config.load({}) == config.STAGES["dev"]
    assert config.load({"stage": "prod"}) == config.STAGES["prod"]


def test_context_overrides_fields() -> None:
    said = config.load({"stage": "prod", "worker_concurrency": "20", "canary": "false", "alarm_email": "a@b.example"})
    assert (said.worker_concurrency, said.canary, said.alarm_email) == (20, False, "a@b.example")
    assert said.keep_data


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"stage": "test"}, "Unknown stage 'test': use one of dev, prod"),
        ({"worker_concurrency": "1"}, "worker_concurrency must be 2"),
        ({"worker_concurrency": "many"}, "worker_concurrency"),
        ({"domain": "a.example"}, "domain and certificate_arn must be set together"),
        ({"log_days": "8"}, "log_days"),
    ],
)
def test_values_that_aws_would_refuse_are_refused(context: dict[str, str], words: str) -> None:
    with pytest.raises((ValueError, ValidationError), match=words):
        config.load(context)


def test_large_batches_need_a_window() -> None:
    with pytest.raises(ValueError, match="window of at least a second"):
        replace(config.STAGES["dev"], worker_batch_messages=11)


def test_no_more_sandboxes_are_reserved_than_aws_permits() -> None:
    prod = config.STAGES["prod"]
    assert replace(prod, inbox_concurrency=550).inbox_concurrency == 550
    with pytest.raises(ValueError, match="901 sandboxes can't be reserved"):
        replace(prod, inbox_concurrency=551)


def test_a_budget_needs_an_address() -> None:
    with pytest.raises(ValueError, match="needs an alarm_email"):
        replace(config.STAGES["dev"], monthly_budget_dollars=10)


def test_settings_of_a_stage_are_valid_and_its_own() -> None:
    dev, prod = (config.STAGES[name].settings() for name in ("dev", "prod"))
    assert dev.queue_name != prod.queue_name
    assert dev.visibility_seconds == 6 * 60
