"""The metrics that alarms and dashboard share, with a period of a minute."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as api
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_

from cdk.data_stack import DataStack
from cdk.functions import Function

_MINUTE = Duration.minutes(1)


class Metrics:
    """The metrics of a stage, from the client to the table."""

    def __init__(self, data: DataStack, http: api.HttpApi, functions: Mapping[str, Function]) -> None:
        queue, dlq = data.queues.events, data.queues.dlq
        self.requests = _of_api("Count", "Sum", {"ApiId": http.api_id})
        post, read = _route(http, "POST /v1/events"), _route(http, "GET /{path+}")
        lease = _route(http, "POST /v1/leases")
        self.posts = _of_api("Count", "Sum", post)
        self.ingest_failures = _of_api("5xx", "Sum", post)
        self.ingest_p99_ms = _of_api("Latency", "p99", post)
        self.sources_failures = _of_api("5xx", "Sum", _route(http, "POST /v1/in/{token}"))
        self.inbox_failures = _of_api("5xx", "Sum", read)
        self.inbox_p99_ms = _of_api("Latency", "p99", read)
        self.groups_failures = _of_api("5xx", "Sum", lease)
        self.groups_p99_ms = _of_api("Latency", "p99", lease)

        self.sent = queue.metric_number_of_messages_sent(period=_MINUTE, statistic="Sum")
        self.waiting = queue.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Maximum")
        # SQS reports both as long as the queue holds a message, also when no process of ours runs.
        self.nothing_is_processed = cloudwatch.MathExpression(
            expression="IF(waiting > 0 AND FILL(deleted, 0) < 1, 1, 0)",
            using_metrics={
                "waiting": self.waiting,
                "deleted": queue.metric_number_of_messages_deleted(period=_MINUTE, statistic="Sum"),
            },
            period=_MINUTE,
            label="messages wait, and none is processed",
        )
        self.oldest_message_seconds = queue.metric_approximate_age_of_oldest_message(
            period=_MINUTE, statistic="Maximum"
        )
        self.oldest_dead_letter_seconds = dlq.metric_approximate_age_of_oldest_message(
            period=_MINUTE, statistic="Maximum"
        )
        self.dead_letters = dlq.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Maximum")

        self.dead_letters_added = cloudwatch.MathExpression(
            expression="DIFF(held)", using_metrics={"held": self.dead_letters}, period=_MINUTE, label="added"
        )

        self.worker_errors = functions["worker"].function.metric_errors(period=_MINUTE, statistic="Sum")
        self.messages_dropped = functions["worker"].function.metric(
            "RecursiveInvocationsDropped", period=_MINUTE, statistic="Sum"
        )
        self.clock_refusals = cloudwatch.MathExpression(
            expression="SUM(METRICS())",
            using_metrics={
                name: cloudwatch.Metric(
                    namespace="Triggers",
                    metric_name="triggers_clock_refusals_total",
                    dimensions_map={"function": one.function.function_name},
                    statistic="Sum",
                    period=_MINUTE,
                )
                for name, one in functions.items()
                if name != "ingest"
            },
            period=_MINUTE,
            label="refusals",
        )
        self.throttles = {
            name: one.function.metric_throttles(period=_MINUTE, statistic="Sum") for name, one in functions.items()
        }
        self.account_sandboxes = lambda_.Function.metric_all_concurrent_executions(period=_MINUTE, statistic="Maximum")
        self.durations = {
            name: one.function.metric_duration(period=_MINUTE, statistic="p99", label=name)
            for name, one in functions.items()
        }
        self.sandboxes = {
            name: one.function.metric("ConcurrentExecutions", period=_MINUTE, statistic="Maximum", label=name)
            for name, one in functions.items()
        }

        self.written = _of_table(data.tables.events, "ConsumedWriteCapacityUnits")
        self.read = _of_table(data.tables.events, "ConsumedReadCapacityUnits")
        self.throttled_writes = _of_table(data.tables.events, "WriteThrottleEvents")
        self.throttled_reads = _of_table(data.tables.events, "ReadThrottleEvents")
        self.throttled_groups = _of_table(data.tables.groups, "WriteThrottleEvents")
        self.group_writes = _of_table(data.tables.groups, "ConsumedWriteCapacityUnits")
        self.quarantined = _of_ours("triggers_group_events_total_quarantined", functions["groups"])
        self.leases_lost = _of_ours("triggers_group_leases_lost_total", functions["groups"])
        self.throttled_keys = _of_table(data.tables.api_keys, "ReadThrottleEvents")


def _route(http: api.HttpApi, key: str) -> dict[str, str]:
    """Return the dimensions of a route, such as `POST /v1/events`."""
    method, resource = key.split(" ")
    return {"ApiId": http.api_id, "Stage": "$default", "Method": method, "Resource": resource}


def _of_api(name: str, statistic: str, dimensions: dict[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway",
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=_MINUTE,
    )


def _of_ours(name: str, function: Function) -> cloudwatch.Metric:
    """Return a metric that the function itself writes, as `shared/telemetry/cloudwatch.py` names it."""
    return cloudwatch.Metric(
        namespace="Triggers",
        metric_name=name,
        dimensions_map={"function": function.function.function_name},
        statistic="Sum",
        period=_MINUTE,
    )


def _of_table(table: dynamodb.ITableV2, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name},
        statistic="Sum",
        period=_MINUTE,
    )
