"""The configuration of a stage: one frozen struct of what differs between stages, with units in the names.

Each stage has a TOML file in `cdk/stages`, with the fields that differ from the defaults, and is chosen by context:
`cdk deploy -c stage=prod`. Values common to all stages are defined where they are used.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from shared.settings import Settings

_DIRECTORY = Path(__file__).parent / "stages"

MAX_API_SECONDS = 29
"""An HTTP API gives up after 30 s."""

_ACCOUNT = re.compile(r"[0-9]{12}")
_UNRESERVED = 100
"""Sandboxes of an account that can't be reserved."""

_VISIBILITY_FACTOR = 6
"""As AWS recommends: a throttled batch is retried before its messages become visible to others."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stage. The defaults are for a trial."""

    stage: str = "dev"
    account: str | None = None
    """The AWS account. None: that of the credentials."""
    region: str | None = None
    """None: `CDK_DEFAULT_REGION`, or that of the credentials."""
    keep_data: bool = False
    """Protect tables and bucket from deletion, and retain them when the stack is deleted."""
    accept_losses: tuple[str, ...] = ()
    """Changes by which data or an address is lost, and which a deployment may make; it prints these lines itself."""

    ingest_memory_mb: int = 512
    inbox_memory_mb: int = 512
    groups_memory_mb: int = 512
    worker_memory_mb: int = 1769
    """Lambda gives a whole CPU at 1,769 MB, and the worker is bound by CPU."""
    ingest_warm: int = 0
    """Sandboxes kept warm, without cold starts; billed by the hour."""

    worker_timeout_seconds: int = 60
    worker_batch_messages: int = 10
    worker_window_seconds: int = 0
    """A batch waits this long to fill, up to 20 s on a quiet queue. AWS demands 1 or more for over 10 messages."""
    worker_concurrency: int = 10
    """Batches at once; 2..1000. Limits the load on the table."""
    reserve_concurrency: bool = False
    """Reserve sandboxes of the account for each function, so that none takes them all. A new account has only 10."""
    ingest_concurrency: int = 300
    inbox_concurrency: int = 300
    groups_concurrency: int = 200
    account_concurrency: int = 1000
    """The account's quota of concurrent sandboxes, of which AWS keeps 100 unreserved."""

    max_write_units: int | None = None
    """Write units a second beyond which the table of events throttles: bounds the bill. None: the account's quota."""
    warm_write_units: int | None = None
    """Write units a second that the table of events takes at once; a new table starts at 4,000. Billed once."""
    monthly_budget_dollars: int | None = None
    """Notifies `alarm_email` at 80 % of this, and when the forecast exceeds it."""

    api_rate_per_second: int = 500
    """Requests of all clients together; above it, the API answers 429. Keys have separate limits."""
    api_burst: int = 1000

    canary: bool = False
    """Send a tenth of the traffic to a new version for five minutes first, and roll back on an alarm."""
    log_days: Literal[1, 7, 30, 90, 365] = 7
    log_level: str = "INFO"

    alarm_email: str | None = None
    oldest_message_alarm_seconds: int = 300
    ingest_p99_alarm_ms: int = 2000
    inbox_p99_alarm_ms: int = 4000
    groups_p99_alarm_ms: int = 4000
    runbook_url: str = "docs/operating.md"
    """Where the descriptions of alarms point to."""

    domain: str | None = None
    certificate_arn: str | None = None
    """An ACM certificate for `domain`, in the region of the stack."""

    enforce_tls: bool = True
    """False only for an emulator without TLS."""
    extra_environment: Mapping[str, str] = {}
    """For all functions, in addition to the variables of the stack."""

    fargate: bool = False
    """Add containers, for sustained volume."""
    fargate_ingest_tasks: tuple[int, int] = (2, 10)
    fargate_inbox_tasks: tuple[int, int] = (2, 10)
    fargate_groups_tasks: tuple[int, int] = (2, 10)
    fargate_worker_tasks: tuple[int, int] = (1, 20)
    """Minimum and maximum."""

    def __post_init__(self) -> None:
        """Check rules that AWS enforces only halfway through a deployment."""
        if self.account is not None and not _ACCOUNT.fullmatch(self.account):
            raise ValueError("account must be the 12 digits of an AWS account, in quotes")
        if self.account is not None and self.region is None:
            raise ValueError("account needs a region")
        if (self.domain is None) != (self.certificate_arn is None):
            raise ValueError("domain and certificate_arn must be set together")
        if self.worker_batch_messages > 10 and not self.worker_window_seconds:  # noqa: PLR2004 (AWS's rule)
            raise ValueError("batches of more than 10 messages need a window of at least a second")
        if not 2 <= self.worker_concurrency <= 1000:  # noqa: PLR2004 (AWS's rule)
            raise ValueError("worker_concurrency must be 2..1000")
        reserved = self.worker_concurrency + self.ingest_concurrency + self.inbox_concurrency + self.groups_concurrency
        if self.reserve_concurrency and reserved > self.account_concurrency - _UNRESERVED:
            raise ValueError(f"{reserved} sandboxes can't be reserved: AWS keeps {_UNRESERVED} of account_concurrency")
        if self.monthly_budget_dollars and not self.alarm_email:
            raise ValueError("monthly_budget_dollars needs an alarm_email")

    @property
    def visibility_seconds(self) -> int:
        """How long a received message is invisible: enough for Lambda's poller to retry its batch."""
        return _VISIBILITY_FACTOR * self.worker_timeout_seconds + self.worker_window_seconds

    def settings(self) -> Settings:
        """Return the settings of all parts, except the bucket name, which contains the account number."""
        return Settings(
            queue_name=f"triggers-{self.stage}-events",
            dlq_name=f"triggers-{self.stage}-dlq",
            dynamodb_table_events=f"triggers-{self.stage}-events",
            dynamodb_table_api_keys=f"triggers-{self.stage}-api-keys",
            dynamodb_table_groups=f"triggers-{self.stage}-groups",
            dynamodb_table_sources=f"triggers-{self.stage}-sources",
            log_level=self.log_level,  # type: ignore[arg-type] # the functions check it
            visibility_seconds=self.visibility_seconds,
        )


CONTEXT = Config.__struct_fields__
"""The names accepted in the context."""


def stages() -> list[str]:
    """Return the names of the stages that have a file."""
    return sorted(path.stem for path in _DIRECTORY.glob("*.toml"))


def stage(name: str) -> Config:
    """Return the stage `name`, as its file describes it. Raises `ValueError` if there is none, or it is invalid."""
    if name not in stages():
        raise ValueError(f"Unknown stage {name!r}: cdk/stages has {', '.join(stages())}")
    try:
        fields = msgspec.toml.decode((_DIRECTORY / f"{name}.toml").read_bytes())
        return msgspec.convert({**fields, "stage": name}, Config)
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"cdk/stages/{name}.toml: {error}") from None


def load(context: Mapping[str, Any]) -> Config:
    """Return the stage that `context` names (default `dev`), with fields overridden by it: `-c worker_concurrency=20`.

    Raises `ValueError` for an unknown stage, an invalid value, or a field of a stage that keeps its data: the next
    deployment, without the option, would undo it.
    """
    found = stage(context.get("stage") or "dev")
    said = {field: context[field] for field in CONTEXT if field != "stage" and context.get(field)}
    if said and found.keep_data:
        raise ValueError(f"Set {', '.join(said)} in cdk/stages/{found.stage}.toml: -c is for stages without keep_data")
    return msgspec.convert(msgspec.structs.asdict(found) | said, Config, strict=False)
