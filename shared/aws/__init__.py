"""The ports on SQS, DynamoDB and S3."""
