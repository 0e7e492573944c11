"""cdk-nag's rules for AWS solutions, and the reasons for accepted findings."""

import aws_cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

_PREFIX = "AwsSolutions::AwsSolutions-"


def check(app: aws_cdk.App) -> None:
    """Run the rules when `app` is synthesized; an unacknowledged finding fails it."""
    aws_cdk.Validations.of(app).add_plugins(AwsSolutionsChecks())


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Accept findings of `rule`, such as `APIG4`, in `scope` and below."""
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
