"""cdk-nag's rules for AWS solutions, and why some findings are as they should be."""

import aws_cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

_PREFIX = "AwsSolutions::AwsSolutions-"


def check(app: aws_cdk.App) -> None:
    """Run the rules when `app` is synthesized; a finding that nobody acknowledged stops it."""
    aws_cdk.Validations.of(app).add_plugins(AwsSolutionsChecks())


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Accept that `rule`, such as `APIG4`, finds something in `scope` or below."""
    aws_cdk.Validations.of(scope).acknowledge(aws_cdk.Acknowledgment(id=f"{_PREFIX}{rule}", reason=reason))


def shown(arn: str) -> str:
    """Return `arn` as cdk-nag spells it in the name of a finding, with `<AWS::Region>` for what AWS fills in."""
    names = {
        aws_cdk.Aws.ACCOUNT_ID: "<AWS::AccountId>",
        aws_cdk.Aws.PARTITION: "<AWS::Partition>",
        aws_cdk.Aws.REGION: "<AWS::Region>",
    }
    for token, name in names.items():
        arn = arn.replace(token, name)
    return arn
