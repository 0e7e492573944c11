"""Data: queues, tables and bucket. Changes rarely, and is protected from deletion in production."""

from aws_cdk import Stack
from constructs import Construct

from cdk.bodies import Bodies
from cdk.config import Config
from cdk.queues import Queues
from cdk.tables import Tables


class DataStack(Stack):
    """The resources that outlive a release."""

    def __init__(self, scope: Construct, name: str, config: Config, **stack: object) -> None:
        super().__init__(
            scope,
            name,
            description="Triggers: queues, tables and bucket",
            termination_protection=config.keep_data,
            **stack,
        )
        self.queues = Queues(self, "Queues", config)
        self.tables = Tables(self, "Tables", config)
        self.bodies = Bodies(self, "Bodies", config)

    def environment(self, config: Config) -> dict[str, str]:
        """Return the settings that name these resources."""
        settings = config.settings()
        return {
            "QUEUE_NAME": settings.queue_name,
            "DLQ_NAME": settings.dlq_name,
            "DYNAMODB_TABLE_EVENTS": settings.dynamodb_table_events,
            "DYNAMODB_TABLE_API_KEYS": settings.dynamodb_table_api_keys,
            "DYNAMODB_TABLE_GROUPS": settings.dynamodb_table_groups,
            "DYNAMODB_TABLE_SOURCES": settings.dynamodb_table_sources,
            "KMS_KEY_ID": self.tables.sources_key.key_id,
            "BODIES_BUCKET": self.bodies.bucket.bucket_name,
            "VISIBILITY_SECONDS": str(settings.visibility_seconds),
            "LOG_LEVEL": settings.log_level,
            # Sandboxes and tasks are separate processes, and there are many.
            "RATE_LIMITS": "shared",
            **config.extra_environment,
        }
