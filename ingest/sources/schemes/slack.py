"""`slack`: X-Slack-Signature is the HMAC-SHA256 of version, timestamp and body, keyed with the app's signing secret.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from shared.model.source_scheme import SchemeOptions

OPTIONS = SchemeOptions(
    header="X-Slack-Signature",
    prefix="v0=",
    signed="v0:{timestamp}:{body}",
    timestamp_header="X-Slack-Request-Timestamp",
)
