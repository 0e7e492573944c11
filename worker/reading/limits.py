"""The limits of one request, to inboxes and groups alike."""

MAX_LIMIT = 1000
"""Events on one page."""

DEFAULT_LIMIT = 100

MAX_WAIT_SECONDS = 20
"""HTTP APIs of API Gateway end a request after 30 s."""
