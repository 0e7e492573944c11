"""What is deployed of a stage, and whether a deployment would lose some of it.

`script/cdk deploy` sets `CHECK_DEPLOYED`, and the app compares before the CDK deploys anything. It reads CloudFormation
as the CDK does: by the role for look-ups of `cdk bootstrap` if it may assume it, otherwise by the caller's credentials.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from cdk import losses
from cdk.config import Config
from cdk.losses import Loss, Stack

_VARIABLE = "CHECK_DEPLOYED"
_NEVER_CREATED = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
"""States of a stack whose creation has not begun, or has failed."""


class Unreadable(Exception):
    """What is deployed can't be read; the text says why."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The account and region of a deployment, and a session of the caller's credentials."""

    session: Any
    account: str
    caller: str
    """The account of the credentials."""

    def pseudo(self, stack: str) -> dict[str, str]:
        """Return the values of CloudFormation's pseudo parameters in `stack`."""
        region = self.session.region_name
        return {
            "AWS::AccountId": self.account,
            "AWS::Partition": self.session.get_partition_for_region(region),
            "AWS::Region": region,
            "AWS::StackName": stack,
        }

    def cloudformation(self, role: str | None) -> Any:  # noqa: ANN401 (boto3 has no types)
        """Return a client by `role`, or by the caller's credentials if it is None or may not be assumed.

        Raises `Unreadable` if those are of another account.
        """
        if role is None:
            return self.session.client("cloudformation")
        try:
            made = self.session.client("sts").assume_role(RoleArn=role, RoleSessionName="triggers")["Credentials"]
        except ClientError as error:
            if self.caller == self.account:
                return self.session.client("cloudformation")
            raise Unreadable(
                f"the stage is in account {self.account}, the credentials are of {self.caller} and may not assume"
                f" {role} ({error.response['Error']['Code']}). Set AWS_PROFILE: --profile does not reach the comparison"
            ) from None
        return self.session.client(
            "cloudformation",
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=made["SessionToken"],
        )


def check(directory: Path, stage: Config) -> None:
    """Compare the assembly in `directory` with what is deployed, if `CHECK_DEPLOYED` is set.

    Raises `SystemExit` with an explanation if something would be lost that `accept_losses` does not name, or if what is
    deployed can't be read. Prints the lines of `accept_losses` that have no effect.
    """
    if not os.environ.get(_VARIABLE):
        return
    try:
        found = list(find(directory, _account(stage)))
    except (BotoCoreError, ClientError, Unreadable) as error:
        raise SystemExit(f"Refused: can't compare with what is deployed: {error}") from None
    for line in sorted(set(stage.accept_losses) - {loss.line for loss in found}):
        print(f"cdk/stages/{stage.stage}.toml: remove from accept_losses, no effect: {line}", file=sys.stderr)  # noqa: T201
    refused = [loss for loss in found if loss.line not in stage.accept_losses]
    if refused:
        raise SystemExit(losses.describe(refused, stage.stage))


def _account(stage: Config) -> Account:
    session = boto3.Session(region_name=stage.region or os.environ.get("CDK_DEFAULT_REGION"))
    caller = session.client("sts").get_caller_identity()["Account"]
    account = stage.account or os.environ.get("CDK_DEFAULT_ACCOUNT") or caller
    return Account(session=session, account=account, caller=caller)


def find(directory: Path, account: Account) -> Iterator[Loss]:
    """Yield what is lost if the stacks of the assembly in `directory` are deployed to `account`."""
    artifacts = json.loads((directory / "manifest.json").read_bytes())["artifacts"]
    for artifact_id, artifact in artifacts.items():
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        properties = artifact["properties"]
        name = properties.get("stackName", artifact_id)
        pseudo = account.pseudo(name)
        deployed = read(account.cloudformation(_lookup_role(properties, pseudo)), name, pseudo)
        if deployed is None:
            continue
        wanted = Stack(
            name=name,
            template=json.loads((directory / properties["templateFile"]).read_bytes()),
            termination_protection=properties.get("terminationProtection", False),
            pseudo=pseudo,
        )
        yield from losses.find(deployed, wanted)


def _lookup_role(properties: Mapping[str, Any], pseudo: Mapping[str, str]) -> str | None:
    arn: str | None = properties.get("lookupRole", {}).get("arn")
    for name, value in pseudo.items():
        arn = arn and arn.replace(f"${{{name}}}", value)
    return arn


def read(cloudformation: Any, name: str, pseudo: Mapping[str, str]) -> Stack | None:  # noqa: ANN401 (the same)
    """Return the deployed stack `name`, or None if there is none. Raises `ClientError`, such as `AccessDenied`."""
    try:
        (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    if described["StackStatus"] in _NEVER_CREATED:
        return None
    return Stack(
        name=name,
        template=cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"],
        termination_protection=described.get("EnableTerminationProtection", False),
        pseudo=pseudo,
    )
