"""Canary releases: a tenth of the traffic first, and a rollback on an alarm."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from constructs import Construct

from cdk.functions import Function
from cdk.nag import acknowledge

_POLICY = "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]"


class Release(Construct):
    """Moves each function's alias with CodeDeploy. Without it, CloudFormation moves it immediately."""

    def __init__(
        self, scope: Construct, name: str, functions: Mapping[str, Function], alarms: Sequence[cloudwatch.Alarm]
    ) -> None:
        super().__init__(scope, name)
        application = codedeploy.LambdaApplication(self, "Application")
        for function_name, function in functions.items():
            group = codedeploy.LambdaDeploymentGroup(
                self,
                function_name.capitalize(),
                application=application,
                alias=function.alias,
                deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
                alarms=list(alarms),
            )
            acknowledge(group, _POLICY, "AWS's own policy for this is the limited one: it may invoke and move aliases.")
