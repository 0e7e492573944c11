"""Settings: environment variables, read once into a frozen struct, all checked at start.

A field `settle_ms` is the variable `SETTLE_MS`. Its description and default also make `.env.example` and the table of
`docs/settings.md`; a test keeps the three equal. The SDK reads its own variables (`AWS_ENDPOINT_URL*`,
`AWS_ACCESS_KEY_ID`, ...) itself.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from shared.model.errors import InvalidSettings

_Name = Meta(min_length=1, max_length=255)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one deployment is set up. Names carry their unit last."""

    backend: Annotated[
        Literal["aws", "sqlite"],
        Meta(description="`aws`: SQS, DynamoDB and S3; `sqlite`: files in DATA_DIR, for a single machine"),
    ] = "aws"
    data_dir: Annotated[str, _Name, Meta(description="Directory of the SQLite backend's files")] = ".triggers"

    aws_region: Annotated[str, _Name, Meta(description="AWS region of the queue, tables and bucket")] = "us-east-1"
    queue_name: Annotated[str, _Name, Meta(description="SQS queue that takes packs")] = "triggers-events"
    dlq_name: Annotated[str, _Name, Meta(description="SQS queue for what can't be stored")] = "triggers-dlq"
    dynamodb_table_events: Annotated[str, _Name, Meta(description="Table of events and guards")] = "triggers-events"
    dynamodb_table_api_keys: Annotated[str, _Name, Meta(description="Table of API keys")] = "triggers-api-keys"
    bodies_bucket: Annotated[str, _Name, Meta(description="S3 bucket of bodies too big for an item")] = (
        "triggers-bodies"
    )
    api_title: Annotated[str, _Name, Meta(description="Title of the API's documentation")] = "Triggers"
    api_version: Annotated[str, _Name, Meta(description="Version that the API reports")] = "0.1.0"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="Least level that is logged")
    ] = "INFO"

    metrics_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65_535,
            description="Port for Prometheus alone; 0: the APIs serve `/metrics` on their own, the worker nowhere",
        ),
    ] = 0
    metrics_host: Annotated[str, _Name, Meta(description="Address that METRICS_PORT listens on")] = "127.0.0.1"

    event_ttl_days: Annotated[
        int, Meta(ge=1, le=3650, description="Days an event is kept: from acceptance, and again from its ack")
    ] = 30
    deduplication_window_seconds: Annotated[
        int,
        Meta(ge=1, le=86_400, description="Seconds within which an event of the same identity is a repeat"),
    ] = 300
    inbox_shards: Annotated[
        int, Meta(ge=1, le=64, description="Partitions of one inbox; fixed for the life of a table")
    ] = 4
    inline_body_bytes: Annotated[
        int, Meta(ge=1, le=350_000, description="Larger bodies (after compression) go to the bucket")
    ] = 350_000

    commit_deadline_ms: Annotated[
        int, Meta(ge=1, description="Age of a position up to which its commit may be sent")
    ] = 300
    store_timeout_ms: Annotated[int, Meta(ge=1, description="Longest wait for one call to the table")] = 500
    clock_skew_ms: Annotated[int, Meta(ge=0, description="Largest difference between any two machines' clocks")] = 100
    settle_ms: Annotated[
        int, Meta(ge=1, description="A read stops this long before now; must exceed the three above together")
    ] = 1000

    key_cache_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="A revoked API key stops working within this time")
    ] = 30
    bcrypt_cost: Annotated[int, Meta(ge=10, le=16, description="bcrypt cost of new API keys")] = 10
    rate_limits: Annotated[
        Literal["process", "shared"],
        Meta(description="A key's limits count in each process alone, or in all together by way of the key table"),
    ] = "process"

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

    queue_sends: Annotated[
        int, Meta(ge=1, le=64, description="SendMessageBatch calls in flight per ingest process")
    ] = 4
    queue_pace_ms: Annotated[
        int, Meta(ge=0, le=1000, description="While a call is in flight, the next starts this long after the last one")
    ] = 8
    queue_timeout_ms: Annotated[int, Meta(ge=100, description="Longest wait for one send to the queue")] = 5000
    max_posts: Annotated[
        int, Meta(ge=10, description="Requests that post events at once in an ingest process before it answers 503")
    ] = 500
    buffer_bytes: Annotated[
        int,
        Meta(ge=1_048_576, description="Event bytes that wait in an ingest process before it answers 503"),
    ] = 16_777_216
    buffer_events: Annotated[
        int, Meta(ge=1000, description="Events that wait in an ingest process before it answers 503")
    ] = 20_000
    fair_queues: Annotated[bool, Meta(description="Send the tenant as MessageGroupId, for SQS fair queues")] = False

    worker_receivers: Annotated[int, Meta(ge=1, le=64, description="Batches that one worker works on at once")] = 4
    poll_seconds: Annotated[
        int, Meta(ge=1, le=20, description="Longest wait for a message in one receive; 20 takes the fewest calls")
    ] = 20
    visibility_seconds: Annotated[
        int,
        Meta(ge=10, le=43_200, description="A received message is hidden this long; extended while worked on"),
    ] = 60
    max_receives: Annotated[
        int, Meta(ge=1, le=1000, description="Deliveries after which SQS moves a message to the DLQ")
    ] = 5
    dead_letters_per_minute: Annotated[
        int, Meta(ge=0, description="Events a worker sends to the DLQ alone in a minute; past that they stay queued")
    ] = 100

    def __post_init__(self) -> None:
        """Check the relation that keeps a commit from landing behind a cursor (docs/protocol.md)."""
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
"""Defaults that differ with BACKEND=sqlite: one clock, a local disk, and no partitions to spread over."""


def variable_names() -> list[str]:
    """Return the environment variables that are read, in the order of the struct."""
    return [name.upper() for name in Settings.__struct_fields__]


def load(environ: Mapping[str, str]) -> Settings:
    """Read settings from `environ`; raise `InvalidSettings` with every fault. Empty means unset."""
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
