"""LocalStack's ready hook makes what `shared/aws/provision.py` declares."""

from pathlib import Path

import pytest
from msgspec.structs import asdict, replace

from shared.aws.provision import provision
from shared.settings import Settings
from tests.integration import awslocal
from tests.integration.described import NAMES, described

pytestmark = pytest.mark.slow


def renamed(settings: Settings, suffix: str) -> Settings:
    return replace(settings, **{name: f"{getattr(settings, name)}-{suffix}" for name in NAMES})


async def run_hook(directory: Path, settings: Settings, *named: str) -> None:
    environ = {name.upper(): str(asdict(settings)[name]) for name in (*NAMES, *named)}
    for command in awslocal.commands(directory, environ):
        await awslocal.call(command, settings.aws_region)


async def test_the_hook_makes_what_is_declared(aws_settings: Settings, tmp_path: Path) -> None:
    hooked = renamed(aws_settings, "hooked")
    await run_hook(tmp_path, hooked)

    made = await described(hooked)

    assert made == await described(aws_settings)
    assert made["queue"]["to_dlq"] is True


async def test_the_hook_follows_the_settings(aws_settings: Settings, tmp_path: Path) -> None:
    changes = {"max_receives": 3, "event_ttl_days": 7, "visibility_seconds": 90, "poll_seconds": 5}
    hooked = replace(renamed(aws_settings, "hooked"), **changes)
    provisioned = replace(renamed(aws_settings, "made"), **changes)
    await run_hook(tmp_path, hooked, *changes)
    await provision(provisioned)

    assert await described(hooked) == await described(provisioned)


async def test_provisioning_what_the_hook_made_changes_nothing(aws_settings: Settings, tmp_path: Path) -> None:
    hooked = renamed(aws_settings, "hooked")
    await run_hook(tmp_path, hooked)
    made = await described(hooked)

    await provision(hooked)

    assert await described(hooked) == made


@pytest.mark.parametrize("name", NAMES)
async def test_the_hook_names_what_the_settings_name_by_default(name: str, tmp_path: Path) -> None:
    called = awslocal.commands(tmp_path, {})
    assert getattr(Settings(), name) in {argument for command in called for argument in command}
