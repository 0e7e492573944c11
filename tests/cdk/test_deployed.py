"""The comparison with what is deployed, which precedes each deployment; `script/rehearse` makes it with an emulator."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from msgspec.structs import replace

from cdk import deployed
from cdk.bundle import ROOT
from cdk.deployed import Account
from tests.cdk.conftest import STAGES, Assembly

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-lookup-role-{ACCOUNT}-eu-central-1"


class Cloud:
    """CloudFormation and STS of one account, as a session and as its clients."""

    region_name = "eu-central-1"

    def __init__(self, made: Assembly | None = None, *, status: str = "UPDATE_COMPLETE") -> None:
        self.templates = (
            {f"Triggers-prod-{part}": template for part, template in made.templates.items()} if made else {}
        )
        self.status = status
        self.may_assume = True
        self.assumed: set[str] = set()
        self.used: set[str | None] = set()

    def get_partition_for_region(self, region: str) -> str:
        assert region == self.region_name
        return "aws"

    def client(self, name: str, aws_access_key_id: str | None = None, **secrets: str) -> "Cloud":
        assert name == "sts" or bool(aws_access_key_id) is bool(secrets)
        if name == "cloudformation":
            self.used.add(aws_access_key_id)
        return self

    def assume_role(self, RoleArn: str, RoleSessionName: str) -> Mapping[str, Any]:  # noqa: N803 (boto3's names)
        assert RoleSessionName
        if not self.may_assume:
            raise _refusal("AccessDenied", "no")
        self.assumed.add(RoleArn)
        return {"Credentials": dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken"), "role")}

    def describe_stacks(self, StackName: str) -> Mapping[str, Any]:  # noqa: N803
        if StackName not in self.templates:
            raise _refusal("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackStatus": self.status, "EnableTerminationProtection": StackName.endswith("Data")}]}

    def get_template(self, StackName: str, TemplateStage: str) -> Mapping[str, Any]:  # noqa: N803
        assert TemplateStage == "Original"
        return {"TemplateBody": self.templates[StackName]}


def _refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Call")


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Compare an assembly with a cloud, as for a deployment."""
    monkeypatch.setenv("CHECK_DEPLOYED", "true")

    def run(made: Assembly, cloud: Cloud, *accepted: str, caller: str = ACCOUNT, stage: str = "prod") -> None:
        account = Account(session=cloud, account=ACCOUNT, caller=caller)
        monkeypatch.setattr(deployed, "_account", lambda _: account)
        deployed.check(made.directory, replace(STAGES[stage], accept_losses=accepted))

    return run


def test_a_stage_that_is_not_deployed_yet_passes(compare: Callable[..., None], prod: Assembly) -> None:
    compare(prod, Cloud())


def test_the_same_stage_passes(compare: Callable[..., None], fargate: Assembly) -> None:
    cloud = Cloud(fargate)
    compare(fargate, cloud)
    assert (cloud.assumed, cloud.used) == ({ROLE}, {"role"})


def test_a_domain_that_is_dropped_is_refused_until_the_stage_permits_it(
    compare: Callable[..., None], fargate: Assembly, prod: Assembly, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        compare(prod, Cloud(fargate))
    text = str(refused.value)
    assert text.startswith("Refused: ")
    assert "AWS::ApiGatewayV2::DomainName events.example.com\n  deployed, and no longer in the template" in text
    lines = msgspec.toml.decode(text[text.index("accept_losses") :])["accept_losses"]
    assert len(lines) == 2

    with pytest.raises(SystemExit) as refused:
        compare(prod, Cloud(fargate), lines[0])
    assert lines[0] not in str(refused.value)
    assert lines[1] in str(refused.value)

    compare(prod, Cloud(fargate), *lines)
    assert capsys.readouterr().err == ""


def test_permissions_without_effect_are_listed(
    compare: Callable[..., None], prod: Assembly, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(prod, Cloud(prod), "Triggers-prod-Data/Old/removed")
    assert "cdk/stages/prod.toml: remove from accept_losses" in capsys.readouterr().err


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_whose_creation_failed_has_nothing_to_lose(
    compare: Callable[..., None], fargate: Assembly, prod: Assembly, status: str
) -> None:
    compare(prod, Cloud(fargate, status=status))


def test_without_the_role_of_the_cdk_the_callers_credentials_are_used(
    compare: Callable[..., None], prod: Assembly
) -> None:
    cloud = Cloud(prod)
    cloud.may_assume = False
    compare(prod, cloud)
    assert cloud.used == {None}


def test_credentials_of_another_account_are_not_taken_for_an_empty_stage(
    compare: Callable[..., None], prod: Assembly
) -> None:
    cloud = Cloud()
    cloud.may_assume = False
    with pytest.raises(SystemExit, match=rf"in account {ACCOUNT}, the credentials are of 999999999999.*AccessDenied"):
        compare(prod, cloud, caller="999999999999")


@pytest.mark.parametrize("error", [_refusal("AccessDenied", "not authorized: GetTemplate"), NoCredentialsError()])
def test_what_can_not_be_read_is_not_deployed_over(
    compare: Callable[..., None], monkeypatch: pytest.MonkeyPatch, prod: Assembly, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Cloud, "get_template", fail)
    with pytest.raises(SystemExit, match="Refused: can't compare with what is deployed: "):
        compare(prod, Cloud(prod))


def test_nothing_is_read_unless_a_deployment_asks(monkeypatch: pytest.MonkeyPatch, prod: Assembly) -> None:
    monkeypatch.delenv("CHECK_DEPLOYED", raising=False)
    monkeypatch.setattr(deployed, "_account", lambda _: pytest.fail("read"))
    deployed.check(prod.directory, STAGES["prod"])


@pytest.mark.parametrize(
    ("arguments", "compared"),
    [
        (["deploy", "--all", "-c", "stage=prod"], True),
        (["--profile", "x", "deploy", "Triggers-prod-Data"], True),
        (["watch"], True),
        (["synth"], False),
        (["diff", "-c", "stage=prod"], False),
    ],
)
def test_the_documented_command_compares_when_it_deploys(tmp_path: Path, arguments: list[str], compared: bool) -> None:  # noqa: FBT001
    script, node = tmp_path / "script", tmp_path / "node"
    script.mkdir()
    (script / "cdk").write_bytes((ROOT / "script" / "cdk").read_bytes())
    (script / "lib.sh").write_text(f"setup_cdk() {{ PATH={tmp_path}:$PATH; }}\n")
    node.write_text('#!/bin/sh\necho "$CHECK_DEPLOYED"\n')
    node.chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if name != "CHECK_DEPLOYED"}
    command = ["/bin/sh", str(script / "cdk"), *arguments]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout  # noqa: S603 (ours)
    assert said.strip() == ("true" if compared else "")
