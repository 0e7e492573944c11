"""cdk-nag and cfn-lint run, and find nothing."""

import json
import re
import subprocess
import sys
from pathlib import Path

import aws_cdk
import pytest
from aws_cdk import aws_s3 as s3

from cdk import nag
from tests.cdk.conftest import Assembly

ROOT = Path(__file__).parents[2]


def test_cdk_nag_ran_and_found_nothing_that_is_not_acknowledged(each: Assembly) -> None:
    report = json.loads((each.directory / "validation-report.json").read_text())
    (ours,) = [one for one in report["pluginReports"] if one["pluginName"] == "AwsSolutions"]
    assert ours["conclusion"] == "success"
    assert ours["violations"] == []


def test_cdk_nag_stops_what_it_finds(tmp_path: Path) -> None:
    app = aws_cdk.App(outdir=str(tmp_path))
    s3.Bucket(aws_cdk.Stack(app, "Bad"), "Bucket")
    nag.check(app)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    rules = {found["ruleName"] for one in report["pluginReports"] for found in one["violations"]}
    assert "AwsSolutions-S10" in rules


def test_each_acknowledgement_has_a_reason_and_a_place() -> None:
    found = [
        (rule, reason)
        for path in (ROOT / "cdk").glob("*.py")
        for rule, reason in re.findall(r'acknowledge\(\s*[\w.]+,\s*(\S+?),\s*"([^"]+)"', path.read_text())
    ]
    assert len(found) >= 9
    assert all(len(reason.split()) >= 5 for _, reason in found)
    # Never for a whole app: only where the finding is.
    assert not any("acknowledge(app" in path.read_text() for path in (ROOT / "cdk").glob("*.py"))


def test_cfn_lint_finds_nothing(each: Assembly) -> None:
    templates = [str(path) for path in each.directory.glob("*.template.json")]
    # W3005: the CDK says of every function that it needs its role, which CloudFormation knew.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--", *templates]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (a pinned tool)
    assert (done.returncode, done.stdout) == (0, "")
