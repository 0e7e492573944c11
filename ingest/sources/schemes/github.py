"""`github`: X-Hub-Signature-256 is the HMAC-SHA256 of the body, keyed with the webhook's secret.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from shared.model.source_scheme import SchemeOptions

OPTIONS = SchemeOptions(header="X-Hub-Signature-256", prefix="sha256=")
