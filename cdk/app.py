"""The CDK app: `cdk deploy --all -c stage=prod`. `script/cdk` sets up what it needs."""

import os
from pathlib import Path

import aws_cdk
from aws_cdk import aws_lambda as lambda_

from cdk import bundle, config, deployed, nag
from cdk.data_stack import DataStack
from cdk.fargate_stack import FargateStack
from cdk.service_stack import ServiceStack


def add_stacks(app: aws_cdk.App, stage: config.Config, code: lambda_.Code, **stack: object) -> ServiceStack:
    """Add a stage's stacks to `app`, and return the service stack."""
    prefix = f"Triggers-{stage.stage}"
    data = DataStack(app, f"{prefix}-Data", stage, **stack)
    service = ServiceStack(app, f"{prefix}-Service", stage, data, code, **stack)
    if stage.fargate:
        FargateStack(app, f"{prefix}-Fargate", stage, data, **stack)
    aws_cdk.Tags.of(app).add("service", "triggers")
    aws_cdk.Tags.of(app).add("stage", stage.stage)
    nag.check(app)
    return service


def main() -> None:
    """Synthesize the stage that the context names; to deploy it, also compare it with what is deployed."""
    app = aws_cdk.App()
    context = {name: app.node.try_get_context(name) for name in config.CONTEXT}
    stage = config.load(context)
    made = bundle.build(bundle.Target(), bundle.ROOT / "build")
    code = lambda_.Code.from_asset(str(made), asset_hash=made.name)
    # Without an account in the file, the region alone: with one, CDK needs credentials to look up a network's zones.
    where = aws_cdk.Environment(account=stage.account, region=stage.region or os.environ.get("CDK_DEFAULT_REGION"))
    add_stacks(app, stage, code, env=where)
    deployed.check(Path(app.synth().directory), stage)


if __name__ == "__main__":
    main()
