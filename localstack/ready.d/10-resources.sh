#!/bin/sh
# LocalStack runs this when it is ready. Creates the queues, tables and bucket that `shared/aws/provision.py` declares.
# A test runs it against an emulator and compares the result with that of `triggers provision`.
set -eu

queue=${QUEUE_NAME:-triggers-events}
dlq=${DLQ_NAME:-triggers-dlq}
events=${DYNAMODB_TABLE_EVENTS:-triggers-events}
api_keys=${DYNAMODB_TABLE_API_KEYS:-triggers-api-keys}
groups=${DYNAMODB_TABLE_GROUPS:-triggers-groups}
sources=${DYNAMODB_TABLE_SOURCES:-triggers-sources}
bucket=${BODIES_BUCKET:-triggers-bodies}
max_receives=${MAX_RECEIVES:-5}
# An acked event is kept for two TTLs, and S3 counts in whole days.
expire_days=$((2 * ${EVENT_TTL_DAYS:-30} + 1))

queue_attributes() { # [REDRIVE-POLICY]
    printf '{"VisibilityTimeout":"%s","ReceiveMessageWaitTimeSeconds":"%s",' "${VISIBILITY_SECONDS:-60}" "${POLL_SECONDS:-20}"
    printf '"MessageRetentionPeriod":"1209600","MaximumMessageSize":"1048576"%s}' "${1-}"
}

make_table() { # NAME KEY...
    table=$1
    shift
    awslocal dynamodb create-table --table-name "$table" --billing-mode PAY_PER_REQUEST "$@"
    awslocal dynamodb wait table-exists --table-name "$table"
    awslocal dynamodb update-time-to-live --table-name "$table" \
        --time-to-live-specification '{"Enabled":true,"AttributeName":"ttl"}'
    awslocal dynamodb update-continuous-backups --table-name "$table" \
        --point-in-time-recovery-specification '{"PointInTimeRecoveryEnabled":true}'
}

awslocal sqs create-queue --queue-name "$dlq" --attributes "$(queue_attributes)"
dlq_arn=arn:aws:sqs:${AWS_DEFAULT_REGION:-us-east-1}:000000000000:$dlq
redrive=",\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":\\\"$dlq_arn\\\",\\\"maxReceiveCount\\\":$max_receives}\""
awslocal sqs create-queue --queue-name "$queue" --attributes "$(queue_attributes "$redrive")"

awslocal s3api create-bucket --bucket "$bucket"
awslocal s3api put-bucket-lifecycle-configuration --bucket "$bucket" --lifecycle-configuration \
    "{\"Rules\":[{\"ID\":\"expire\",\"Status\":\"Enabled\",\"Filter\":{\"Prefix\":\"\"},\"Expiration\":{\"Days\":$expire_days}}]}"

for table in "$events" "$groups"; do
    make_table "$table" \
        --key-schema '[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]' \
        --attribute-definitions '[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}]'
done
for table in "$api_keys" "$sources"; do
    make_table "$table" \
        --key-schema '[{"AttributeName":"pk","KeyType":"HASH"}]' \
        --attribute-definitions '[{"AttributeName":"pk","AttributeType":"S"}]'
done
