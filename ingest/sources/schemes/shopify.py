"""`shopify`: X-Shopify-Hmac-Sha256 is the HMAC-SHA256 of the body, keyed with the app's client secret.

https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
"""

from shared.model.source_scheme import SchemeOptions

OPTIONS = SchemeOptions(header="X-Shopify-Hmac-Sha256", encoding="base64")
