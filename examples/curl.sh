#!/bin/sh
# Sends an event, reads it, acknowledges it, looks it up and erases it; requires only curl.
# TRIGGERS_URL and TRIGGERS_API_KEY specify the API and the key.
set -eu

# --retry also retries after 429 and 503, and waits as long as Retry-After specifies. The header is read from standard input, because other
# users of the machine can see a command's arguments.
api() { # PATH [ARGUMENT...]
    path=$1
    shift
    printf 'Authorization: Bearer %s\n' "$TRIGGERS_API_KEY" |
        curl --silent --show-error --fail-with-body --retry 8 --retry-connrefused --header @- "$@" "$TRIGGERS_URL$path"
    echo
}

id=order-$$

echo "# send; an event without an id gets the Idempotency-Key as its id, so that a repeat is listed once"
api /v1/events --json '{"type":"order.paid","inbox":"curl","data":{"total":99.50}}' --header "Idempotency-Key: \"$id\""

echo "# read, waiting up to 20 seconds; pass \`next\` as \`after\` to continue"
page=$(api '/v1/inbox?inbox=curl&wait=20')
echo "$page"
next=$(echo "$page" | sed -n 's/.*"next":"\([^"]*\)".*/\1/p')
api "/v1/inbox?inbox=curl&after=$next"

echo "# acknowledge by id (POST /v1/acks takes up to 1,000 positions at once)"
api "/v1/events/$id?inbox=curl" --request DELETE

echo "# look up; its status is \`stored\` until a worker has processed the acknowledgement, then \`delivered\`"
api "/v1/events/$id?inbox=curl"

echo "# erase permanently"
api "/v1/events/$id?inbox=curl&erase=true" --request DELETE
