"""Ingest as an AWS Lambda function behind an HTTP API: its handler is `ingest.lambda_handler.handler`."""

from ingest.app import create_app
from shared.web.aws_lambda import lazy_handler

__getattr__ = lazy_handler(__name__, create_app)
