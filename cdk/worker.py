"""The worker as a function, and the event source that feeds it."""

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from cdk.config import Config
from cdk.data_stack import DataStack
from cdk.functions import Function
from cdk.permissions import allow_worker


class Worker(Construct):
    """Receives batches from the queue; only the failed messages of a batch are delivered again."""

    def __init__(self, scope: Construct, name: str, config: Config, data: DataStack, code: lambda_.Code) -> None:
        super().__init__(scope, name)
        self.function = Function(
            self,
            "Worker",
            config,
            handler="worker.commit.lambda_handler.handler",
            code=code,
            environment=data.environment(config),
            memory_mb=config.worker_memory_mb,
            timeout_seconds=config.worker_timeout_seconds,
            reserved=config.worker_concurrency if config.reserve_concurrency else None,
            # It replaces messages that are about to use up their deliveries without being at fault.
            recursive=True,
        )
        allow_worker(self.function.role, data)
        window = Duration.seconds(config.worker_window_seconds)
        self.function.alias.add_event_source(
            sources.SqsEventSource(
                data.queues.events,
                batch_size=config.worker_batch_messages,
                max_batching_window=window if config.worker_window_seconds else None,
                report_batch_item_failures=True,
                # Without it, Lambda's poller receives messages without a free sandbox, which counts as a receive.
                max_concurrency=config.worker_concurrency,
            )
        )
