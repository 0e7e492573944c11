"""The inbox as an AWS Lambda function behind an HTTP API: its handler is `worker.inbox.lambda_handler.handler`."""

from shared.web.aws_lambda import lazy_handler
from worker.inbox.app import create_app

__getattr__ = lazy_handler(__name__, create_app)
