"""The stages, and their fields in the context."""

from pathlib import Path

import pytest
from msgspec import ValidationError
from msgspec.structs import replace

from cdk import config


def test_a_stage_is_chosen_by_name() -> None:
    assert config.load({}) == config.stage("dev") == config.Config()
    assert config.load({"stage": "prod"}) == config.stage("prod")
    assert config.stage("prod").keep_data


def test_context_overrides_fields_of_a_trial() -> None:
    said = config.load({"worker_concurrency": "20", "canary": "true", "alarm_email": "a@b.example"})
    assert (said.worker_concurrency, said.canary, said.alarm_email) == (20, True, "a@b.example")


def test_a_stage_that_keeps_its_data_is_described_by_its_file_alone() -> None:
    with pytest.raises(ValueError, match=r"Set worker_concurrency, alarm_email in cdk/stages/prod.toml"):
        config.load({"stage": "prod", "worker_concurrency": "20", "alarm_email": "a@b.example"})


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ("worker_concurency = 20", "unknown field `worker_concurency`"),
        ("worker_concurrency = '20'", "worker_concurrency"),
        ("worker_concurrency =", "Invalid value"),
        ("account = '1234'", "account must be the 12 digits"),
        ("account = '123456789012'", "account needs a region"),
        ("domain = 'a.example'", "domain and certificate_arn must be set together"),
    ],
)
def test_a_fault_in_a_file_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: str, words: str) -> None:
    (tmp_path / "eu.toml").write_text(contents, encoding="utf-8")
    monkeypatch.setattr(config, "_DIRECTORY", tmp_path)
    with pytest.raises(ValueError, match=rf"eu\.toml: .*{words}"):
        config.load({"stage": "eu"})


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"stage": "test"}, "Unknown stage 'test': cdk/stages has dev, prod"),
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
        replace(config.stage("dev"), worker_batch_messages=11)


def test_no_more_sandboxes_are_reserved_than_aws_permits() -> None:
    prod = config.stage("prod")
    assert replace(prod, inbox_concurrency=350).inbox_concurrency == 350
    with pytest.raises(ValueError, match="901 sandboxes can't be reserved"):
        replace(prod, inbox_concurrency=351)


def test_a_budget_needs_an_address() -> None:
    with pytest.raises(ValueError, match="needs an alarm_email"):
        replace(config.stage("dev"), monthly_budget_dollars=10)


def test_settings_of_a_stage_are_valid_and_its_own() -> None:
    dev, prod = (config.stage(name).settings() for name in ("dev", "prod"))
    assert dev.queue_name != prod.queue_name
    assert dev.visibility_seconds == 6 * 60
