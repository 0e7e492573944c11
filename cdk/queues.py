"""The queue of packs, and the dead-letter queue."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.config import Config
from shared.aws.provision import Queue, declare


class Queues(Construct):
    """Both queues as `shared.aws.provision` declares them: encrypted, and over TLS only."""

    def __init__(self, scope: Construct, name: str, config: Config) -> None:
        super().__init__(scope, name)
        declared = declare(config.settings())
        self.dlq = _queue(self, "DeadLetters", declared.dlq, config, None)
        dead_letters = sqs.DeadLetterQueue(queue=self.dlq, max_receive_count=declared.queue.max_receives or 1)
        self.events = _queue(self, "Events", declared.queue, config, dead_letters)


def _queue(
    scope: Construct, name: str, declared: Queue, config: Config, dead_letters: sqs.DeadLetterQueue | None
) -> sqs.Queue:
    return sqs.Queue(
        scope,
        name,
        queue_name=declared.name,
        visibility_timeout=Duration.seconds(declared.visibility_seconds),
        retention_period=Duration.days(declared.retention_days),
        max_message_size_bytes=declared.max_message_bytes,
        receive_message_wait_time=Duration.seconds(declared.receive_wait_seconds),
        dead_letter_queue=dead_letters,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=config.enforce_tls or None,
        # Queued events have been accepted, so queues are retained with the data.
        removal_policy=RemovalPolicy.RETAIN if config.keep_data else RemovalPolicy.DESTROY,
    )
