"""Ingest as an AWS Lambda function behind an HTTP API; the handler is `ingest.lambda_handler.handler`."""

import functools
from typing import Any

from ingest.app import create_app
from shared.web.aws_lambda import LambdaApp


def __getattr__(name: str) -> Any:  # noqa: ANN401 (a module's attribute may be anything)
    """Build `handler` on first access: Lambda reads it as the sandbox starts, with a whole CPU, before any request."""
    if name == "handler":
        return function()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def function() -> LambdaApp:
    """Return the function of this process; raise `InvalidSettings` if its environment is invalid."""
    return LambdaApp.of_environment(create_app)
