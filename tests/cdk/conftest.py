"""The stacks of each stage, synthesized once; the bundle is an empty directory."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from msgspec.structs import replace

from cdk import app as deployment
from cdk import config

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
Resource = Mapping[str, Any]

_DEV, _PROD = config.stage("dev"), config.stage("prod")
_FARGATE = replace(
    _PROD, domain="events.example.com", certificate_arn=CERTIFICATE, alarm_email="a@b.example", fargate=True
)
STAGES = {
    "dev": _DEV,
    "prod": _PROD,
    "fargate": _FARGATE,
    "limited": replace(
        _DEV, monthly_budget_dollars=100, alarm_email="a@b.example", max_write_units=5000, warm_write_units=8000
    ),
    "unprotected": replace(_FARGATE, keep_data=False),
    "other_domain": replace(_FARGATE, domain="other.example.com"),
    "other_certificate": replace(_FARGATE, certificate_arn=f"{CERTIFICATE}2"),
}


class Assembly:
    """The CloudFormation templates of a stage."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.templates: dict[str, Any] = {
            path.name.partition(".")[0].rpartition("-")[2]: json.loads(path.read_text())
            for path in directory.glob("*.template.json")
        }

    def all(self, kind: str, *stacks: str) -> list[Resource]:
        """Return all resources of a kind, such as `Lambda::Function`, of some stacks or all."""
        return [
            resource
            for stack, template in self.templates.items()
            if not stacks or stack in stacks
            for resource in template["Resources"].values()
            if resource["Type"] == f"AWS::{kind}"
        ]

    def properties(self, kind: str, *stacks: str) -> list[Mapping[str, Any]]:
        return [resource["Properties"] for resource in self.all(kind, *stacks)]

    def statements_of(self, role: str, *stacks: str) -> list[Mapping[str, Any]]:
        """Return the policy statements of the role whose logical id starts with `role`."""
        return [
            statement
            for policy in self.properties("IAM::Policy", *stacks)
            if policy["Roles"][0]["Ref"].startswith(role)
            for statement in policy["PolicyDocument"]["Statement"]
        ]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Assembly]:
    """Synthesize one of `STAGES`."""
    code = tmp_path_factory.mktemp("bundle")
    (code / "empty.py").touch()

    @cache
    def synthesize(name: str) -> Assembly:
        directory = tmp_path_factory.mktemp(name)
        stage = STAGES[name]
        app = aws_cdk.App(outdir=str(directory))
        where = aws_cdk.Environment(region="eu-central-1") if stage.fargate else None
        deployment.add_stacks(app, stage, lambda_.Code.from_asset(str(code)), env=where)
        app.synth()
        return Assembly(directory)

    return synthesize


@pytest.fixture(params=["dev", "prod", "fargate"])
def each(request: pytest.FixtureRequest, assembly: Callable[[str], Assembly]) -> Assembly:
    return assembly(request.param)


@pytest.fixture
def dev(assembly: Callable[[str], Assembly]) -> Assembly:
    return assembly("dev")


@pytest.fixture
def prod(assembly: Callable[[str], Assembly]) -> Assembly:
    return assembly("prod")


@pytest.fixture
def fargate(assembly: Callable[[str], Assembly]) -> Assembly:
    return assembly("fargate")
