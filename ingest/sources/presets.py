"""The defaults of each scheme: where its provider puts type, id, subject and time, and which headers to keep.

A type keeps the spelling of the provider. An id must identify the event, not the attempt, and must be unique: otherwise
a retry would be listed twice, or an event dropped as a duplicate.
"""

from collections.abc import Mapping

from shared.model.source_rules import Rules
from shared.model.source_scheme import SchemeName

_DIGEST = "digest:body"

# For unknown senders. An `id` in the body often identifies the object rather than the event, so it is not used.
_ANY = Rules(
    type=("header:ce-type", "header:x-amz-sns-message-type", "json:/type", "json:/event_type", "json:/event"),
    id=("header:ce-id", "header:webhook-id", "header:x-amz-sns-message-id", "header:idempotency-key", _DIGEST),
    subject=("header:ce-subject", "header:x-amz-sns-topic-arn"),
    time=("header:ce-time", "json:/timestamp"),
)

PRESETS: Mapping[SchemeName, Rules] = {
    "stripe": Rules(
        type=("json:/type",), id=("json:/id", _DIGEST), subject=("json:/data/object/id",), time=("json:/created",)
    ),
    "github": Rules(
        type=("header:x-github-event",),
        type_suffix=("json:/action",),
        id=("header:x-github-delivery", _DIGEST),
        subject=("json:/repository/full_name", "json:/organization/login"),
    ),
    # Idempotency-Key stays the same when GitLab retries a delivery (17.4 and newer). X-Gitlab-Event-UUID is the last
    # resort: webhooks that trigger one another share it.
    "gitlab": Rules(
        type=("header:x-gitlab-event", "json:/object_kind"),
        id=("header:webhook-id", "header:idempotency-key", "header:x-gitlab-event-uuid", _DIGEST),
        subject=("json:/project/path_with_namespace",),
    ),
    # Not X-Shopify-Event-Id: all topics of one merchant action share it.
    "shopify": Rules(
        type=("header:x-shopify-topic",),
        id=("header:x-shopify-webhook-id", _DIGEST),
        subject=("json:/admin_graphql_api_id", "header:x-shopify-shop-domain"),
        time=("header:x-shopify-triggered-at",),
    ),
    # The Events API sends JSON; slash commands send forms.
    "slack": Rules(
        type=("json:/event/type", "json:/type", "form:command", "constant:interaction"),
        id=("json:/event_id", "form:trigger_id", _DIGEST),
        subject=("json:/event/channel", "form:channel_id"),
        time=("json:/event_time",),
    ),
    # The statuses of a message have the same SID, so the SID is not an id.
    "twilio": Rules(
        type=("form:EventType", "form:MessageStatus", "form:CallStatus", "form:SmsStatus", "json:/type"),
        id=("header:i-twilio-idempotency-token", _DIGEST),
        subject=("form:MessageSid", "form:CallSid", "form:Sid"),
    ),
    "standard": Rules(
        type=("json:/type", "json:/event_type", "json:/eventType"),
        id=("header:webhook-id", "header:svix-id", _DIGEST),
        time=("json:/timestamp", "header:webhook-timestamp", "header:svix-timestamp"),
    ),
    "hmac": _ANY,
    "header": _ANY,
    "basic": _ANY,
    "none": _ANY,
}

KEPT: Mapping[SchemeName, tuple[str, ...]] = {
    "github": ("x-github-event", "x-github-hook-id", "x-github-enterprise-host"),
    "gitlab": ("x-gitlab-event", "x-gitlab-instance", "x-gitlab-webhook-uuid", "x-gitlab-event-uuid"),
    "shopify": ("x-shopify-topic", "x-shopify-shop-domain", "x-shopify-api-version", "x-shopify-event-id"),
    "slack": ("x-slack-retry-num", "x-slack-retry-reason"),
}
"""Headers that become extension attributes, in addition to `KEPT_ALWAYS` and the source's own."""

KEPT_ALWAYS = ("content-encoding",)
KEPT_OF_ANY = ("ce-source", "x-amz-sns-message-type", "x-amz-sns-topic-arn", "aeg-event-type", "webhook-request-origin")
"""The same for unknown senders."""


def rules_of(scheme: SchemeName, own: Rules) -> Rules:
    """Return a source's `own` rules, completed with those of its scheme."""
    preset = PRESETS[scheme]
    return Rules(
        type=own.type or preset.type,
        type_prefix=own.type_prefix,
        # The scheme's suffix belongs to the scheme's type.
        type_suffix=own.type_suffix or (() if own.type else preset.type_suffix),
        id=own.id or preset.id,
        subject=own.subject or preset.subject,
        time=own.time or preset.time,
    )


def kept_headers(scheme: SchemeName, own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the headers that become extension attributes, each once."""
    of_scheme = KEPT.get(scheme, KEPT_OF_ANY if PRESETS[scheme] is _ANY else ())
    return tuple(dict.fromkeys((*KEPT_ALWAYS, *of_scheme, *own)))
