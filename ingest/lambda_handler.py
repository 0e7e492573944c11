"""Ingest as an AWS Lambda function behind an HTTP API: its handler is `ingest.lambda_handler.handler`."""

import functools
from typing import Any

from ingest.app import create_app
from shared.web.aws_lambda import LambdaApp


def __getattr__(name: str) -> Any:  # noqa: ANN401 (what any module's attribute is)
    """Make `handler` when Lambda first asks for it: as the sandbox starts, with a whole CPU, before any request."""
    if name == "handler":
        return function()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def function() -> LambdaApp:
    """Return this process's function; raise `InvalidSettings` if the environment's settings are."""
    return LambdaApp.of_environment(create_app)
