"""Log groups with a retention time; those that AWS creates automatically keep lines forever."""

from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.config import Config

_RETENTION: Mapping[int, logs.RetentionDays] = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(scope: Construct, config: Config, name: str) -> logs.LogGroup:
    """Return the log group `/triggers/STAGE/NAME`, which keeps lines for `log_days`."""
    return logs.LogGroup(
        scope,
        "Log",
        log_group_name=f"/triggers/{config.stage}/{name}",
        retention=_RETENTION[config.log_days],
        removal_policy=RemovalPolicy.DESTROY,
    )
