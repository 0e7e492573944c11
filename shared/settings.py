"""Settings: environment variables, read once into a frozen struct and all checked at startup.

The field `settle_ms` is the variable `SETTLE_MS`. `.env.example` and the table in `docs/settings.md` are generated from
the descriptions and defaults here; a test keeps the three equal. The AWS SDK reads its own variables
(`AWS_ENDPOINT_URL*`, `AWS_ACCESS_KEY_ID`, ...).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from shared.model.errors import InvalidSettings

_Name = Meta(min_length=1, max_length=255)
_Text = Meta(max_length=2048)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one deployment. Names end with their unit."""

    backend: Annotated[
        Literal["aws", "sqlite"],
        Meta(description="`aws`: SQS, DynamoDB and S3; `sqlite`: files in DATA_DIR, for a single machine"),
    ] = "aws"
    data_dir: Annotated[str, _Name, Meta(description="Directory for the files of the SQLite backend")] = ".triggers"

    aws_region: Annotated[str, _Name, Meta(description="AWS region of the queues, tables and bucket")] = "us-east-1"
    queue_name: Annotated[str, _Name, Meta(description="SQS queue from ingest to the worker")] = "triggers-events"
    dlq_name: Annotated[str, _Name, Meta(description="SQS dead-letter queue")] = "triggers-dlq"
    dynamodb_table_events: Annotated[str, _Name, Meta(description="DynamoDB table of events and guards")] = (
        "triggers-events"
    )
    dynamodb_table_api_keys: Annotated[str, _Name, Meta(description="DynamoDB table of API keys")] = "triggers-api-keys"
    dynamodb_table_groups: Annotated[str, _Name, Meta(description="DynamoDB table of consumer groups")] = (
        "triggers-groups"
    )
    dynamodb_table_sources: Annotated[str, _Name, Meta(description="DynamoDB table of webhook sources")] = (
        "triggers-sources"
    )
    kms_key_id: Annotated[
        str,
        _Text,
        Meta(
            description="KMS key (id, alias or ARN) that encrypts the signing secrets of sources; "
            "empty: a key in DATA_DIR/sources.key"
        ),
    ] = ""
    public_url: Annotated[
        str,
        _Text,
        Meta(
            description="Base URL of the API as webhook senders know it, which some sign; "
            "empty: taken from each request"
        ),
    ] = ""
    bodies_bucket: Annotated[str, _Name, Meta(description="S3 bucket for bodies too large for a table item")] = (
        "triggers-bodies"
    )
    api_title: Annotated[str, _Name, Meta(description="Title of the API documentation")] = "Triggers"
    api_version: Annotated[str, _Name, Meta(description="API version to report")] = "0.1.0"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="Minimum log level")] = "INFO"

    metrics_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65_535,
            description="Separate port for Prometheus; 0: the APIs serve `/metrics`, and the worker does not",
        ),
    ] = 0
    metrics_host: Annotated[str, _Name, Meta(description="Address on which METRICS_PORT listens")] = "127.0.0.1"

    event_ttl_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="Retention of an event in days, from acceptance and again from its ack"),
    ] = 30
    deduplication_window_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=2_592_000,
            description="Time in which an event with the same identity is a duplicate; at most EVENT_TTL_DAYS",
        ),
    ] = 300
    inbox_shards: Annotated[
        int, Meta(ge=1, le=64, description="Partitions per inbox; can't be changed once the table exists")
    ] = 4
    inline_body_bytes: Annotated[
        int, Meta(ge=1, le=350_000, description="Size, after compression, above which a body is stored in the bucket")
    ] = 65_536

    commit_deadline_ms: Annotated[int, Meta(ge=1, description="Maximum age of a position when its commit is sent")] = (
        300
    )
    store_timeout_ms: Annotated[int, Meta(ge=1, description="Timeout of one call to the table")] = 500
    clock_skew_ms: Annotated[
        int,
        Meta(
            ge=0,
            description="Maximum difference between the clocks of any two machines; each may be wrong by half",
        ),
    ] = 100
    settle_ms: Annotated[
        int, Meta(ge=1, description="Age below which events are not read yet; must exceed the sum of the three above")
    ] = 1000

    key_cache_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="Time within which a revoked API key stops working")
    ] = 30
    bcrypt_cost: Annotated[int, Meta(ge=4, le=16, description="bcrypt cost factor for new API keys")] = 4
    rate_limits: Annotated[
        Literal["process", "shared"],
        Meta(description="Scope of a key's rate limit: each process, or all processes through the key table"),
    ] = "process"

    cors_origins: Annotated[
        str,
        Meta(
            pattern=r"\A(?:\*|(?:https?://[^/,\s]+(?:,https?://[^/,\s]+)*)?)\Z",
            description="Origins of web pages that may use the API, separated by commas, or `*`; empty: none",
        ),
    ] = ""
    max_connections: Annotated[
        int,
        Meta(ge=1, description="Connections to one API process; one more gets a 503. Open files may limit it further"),
    ] = 10_000
    max_connections_per_address: Annotated[
        int,
        Meta(ge=0, description="The same of one client address (IPv6: /64); 0: no limit, as behind a load balancer"),
    ] = 1000
    max_header_bytes: Annotated[
        int, Meta(ge=1024, le=1_048_576, description="Bytes of one request's headers; more gets a 431")
    ] = 32_768
    header_timeout_seconds: Annotated[
        int, Meta(ge=1, description="Longest time from a request's first byte to the end of its headers")
    ] = 10
    body_timeout_seconds: Annotated[
        int, Meta(ge=1, description="Longest time from the end of a request's headers to the end of its body")
    ] = 30
    send_timeout_seconds: Annotated[
        int, Meta(ge=1, description="A client that takes nothing of its answer for this long is cut off")
    ] = 20
    max_unsent_bytes: Annotated[
        int,
        Meta(ge=8_388_608, description="Bytes of answers that wait for slow clients; past that pages get a 503"),
    ] = 33_554_432

    max_wait_seconds: Annotated[
        int, Meta(ge=1, le=20, description="Longest wait of a long poll, whatever `wait` asks for; 2 on Lambda")
    ] = 20

    queue_sends: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Maximum concurrent sends per ingest process; of full ones four times as many",
        ),
    ] = 4
    queue_pace_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Minimum interval between starts of sends while one is in flight; not of full ones",
        ),
    ] = 8
    queue_timeout_ms: Annotated[int, Meta(ge=100, description="Timeout of one send to the queue")] = 5000
    max_posts: Annotated[
        int,
        Meta(ge=10, description="Concurrent POSTs per ingest process; a key has as many as are free. More get a 503"),
    ] = 1000
    buffer_bytes: Annotated[
        int,
        Meta(ge=1_048_576, description="Event bytes buffered per ingest process; more are answered with 503"),
    ] = 16_777_216
    buffer_events: Annotated[
        int, Meta(ge=1000, description="Events buffered per ingest process; more are answered with 503")
    ] = 20_000
    fair_queues: Annotated[bool, Meta(description="Send the tenant as the MessageGroupId, for SQS fair queues")] = False

    worker_receivers: Annotated[int, Meta(ge=1, le=64, description="Batches that a worker processes concurrently")] = 4
    poll_seconds: Annotated[
        int, Meta(ge=1, le=20, description="Long-poll time of one receive; 20 makes the fewest calls")
    ] = 20
    visibility_seconds: Annotated[
        int,
        Meta(ge=10, le=43_200, description="Visibility timeout of a received message; extended during processing"),
    ] = 60
    max_receives: Annotated[
        int, Meta(ge=1, le=1000, description="Deliveries after which SQS moves a message to the DLQ")
    ] = 5
    dead_letters_per_minute: Annotated[
        int,
        Meta(ge=0, description="Events per minute that a worker itself may send to the DLQ; others stay queued"),
    ] = 100

    def __post_init__(self) -> None:
        """Check the inequalities that the protocol needs (`docs/protocol.md`)."""
        if self.deduplication_window_seconds > self.event_ttl_days * 86_400:
            # A guard lives twice as long as its event, and events in the queue may be as old as one.
            raise ValueError(
                f"DEDUPLICATION_WINDOW_SECONDS ({self.deduplication_window_seconds}) must not exceed EVENT_TTL_DAYS"
                f" ({self.event_ttl_days} days), or a guard could expire within the window"
            )
        late_ms = self.commit_deadline_ms + self.store_timeout_ms + self.clock_skew_ms
        if late_ms >= self.settle_ms:
            raise ValueError(
                f"SETTLE_MS ({self.settle_ms}) must exceed COMMIT_DEADLINE_MS + STORE_TIMEOUT_MS + CLOCK_SKEW_MS"
                f" ({late_ms}), or a late commit could land behind a cursor"
            )


SQLITE_DEFAULTS: Mapping[str, int] = {
    "clock_skew_ms": 10,
    "commit_deadline_ms": 100,
    "store_timeout_ms": 150,
    "settle_ms": 280,
    "inbox_shards": 1,
}
"""Defaults that differ with BACKEND=sqlite: there is one clock, a local disk and no partitioning."""


def variable_names() -> list[str]:
    """Return the names of the environment variables, in the order of the struct."""
    return [name.upper() for name in Settings.__struct_fields__]


def load(environ: Mapping[str, str]) -> Settings:
    """Read settings from `environ`; raise `InvalidSettings` with every fault. An empty variable counts as unset."""
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name in Settings.__struct_fields__:
        text = environ.get(name.upper(), "").strip()
        if not text:
            continue
        try:
            values[name] = msgspec.convert(text, hints[name], strict=False)
        except msgspec.ValidationError as error:
            faults.append(f"{name.upper()}={text!r}: {error}")
    if not faults:
        defaults = SQLITE_DEFAULTS if values.get("backend") == "sqlite" else {}
        try:
            return Settings(**{**defaults, **values})
        except ValueError as error:
            faults.append(str(error))
    raise InvalidSettings(faults)
