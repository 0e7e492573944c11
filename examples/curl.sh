#!/bin/sh
# Sends an event, reads it, acknowledges it, looks it up and erases it; needs curl alone.
# TRIGGERS_URL and TRIGGERS_API_KEY name the API and the key.
set -eu

# --retry: also after 429 and 503, as long as Retry-After says. The header is read from standard input, because other
# users of the machine can see a command's arguments.
api() { # PATH [ARGUMENT...]
    path=$1
    shift
    printf 'Authorization: Bearer %s\n' "$TRIGGERS_API_KEY" |
        curl --silent --show-error --fail-with-body --retry 8 --retry-connrefused --header @- "$@" "$TRIGGERS_URL$path"
    echo
}

id=order-$$

echo "# send; the Idempotency-Key names an event that has no id, so that a repeat is listed once"
api /v1/events --json '{"type":"order.paid","inbox":"curl","data":{"total":99.50}}' --header "Idempotency-Key: \"$id\""

echo "# read, waiting up to 20 seconds; give \`next\` as \`after\` to go on from there"
page=$(api '/v1/inbox?inbox=curl&wait=20')
echo "$page"
next=$(echo "$page" | sed -n 's/.*"next":"\([^"]*\)".*/\1/p')
api "/v1/inbox?inbox=curl&after=$next"

echo "# acknowledge by id (POST /v1/acks takes up to 1,000 positions at once)"
api "/v1/events/$id?inbox=curl" --request DELETE

echo "# look up; its status is \`stored\` until the acknowledgement has gone through the queue, then \`delivered\`"
api "/v1/events/$id?inbox=curl"

echo "# erase for good"
api "/v1/events/$id?inbox=curl&erase=true" --request DELETE
