"""Consumer groups as an AWS Lambda function behind an HTTP API; its handler: `worker.groups.lambda_handler.handler`."""

from shared.web.aws_lambda import lazy_handler
from worker.groups.app import create_app

__getattr__ = lazy_handler(__name__, create_app)
