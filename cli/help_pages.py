"""The end of each command's `--help`: examples, environment variables and exit codes."""

from collections.abc import Iterator, Mapping, Sequence

import click
import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One command's help after its options. `variables` and `exits` map names to meanings.

    `summary` describes the command in lists of commands.
    """

    summary: str
    examples: Sequence[str]
    variables: Mapping[str, str] = {}
    exits: Mapping[str, str] = {}


_API = {
    "TRIGGERS_URL": "URL of the API; default: the server that runs in this directory",
    "TRIGGERS_API_KEY": "API key; same default",
}
_AWS = {
    "AWS_REGION, AWS_PROFILE": "region and credentials; the AWS SDK reads its other variables, too",
    "AWS_ENDPOINT_URL": "an emulator instead of AWS",
}
_SERVICE = {**_AWS, "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR", "METRICS_PORT": "a port for Prometheus only"}
_QUEUES = {"DLQ_NAME, QUEUE_NAME": "the queues", **_AWS}
_KEYS = {"DYNAMODB_TABLE_API_KEYS": "the table of keys", **_AWS}
_SOURCES = {
    "DYNAMODB_TABLE_SOURCES": "the table of sources",
    "KMS_KEY_ID": "the KMS key for their secrets",
    "DATA_DIR": "without KMS_KEY_ID, the directory of sources.key",
    **_AWS,
}
_SOURCE_URLS = {"PUBLIC_URL": "the base URL that providers use", **_SOURCES}
_NAMES = {
    "QUEUE_NAME, DLQ_NAME": "the queues",
    "DYNAMODB_TABLE_EVENTS": "the table of events",
    "DYNAMODB_TABLE_API_KEYS": "the table of keys",
    "DYNAMODB_TABLE_GROUPS": "the table of consumer groups",
    "DYNAMODB_TABLE_SOURCES": "the table of sources",
    "BODIES_BUCKET": "the bucket",
    **_AWS,
}

PAGES = {
    "dev": Page(
        summary="Run the whole pipeline on this machine.",
        examples=["triggers dev", "triggers dev --port 9000 --data /tmp/triggers", "triggers dev --emulator"],
        variables={"EVENT_TTL_DAYS, ...": "the settings, which docs/settings.md lists"},
    ),
    "serve": Page(
        summary="Run the API: ingest, inbox, groups, or all.",
        examples=[
            "triggers serve ingest --host 0.0.0.0 --port 8000 --processes 4",
            "triggers serve all --data .triggers",
        ],
        variables=_SERVICE,
        exits={"3": "it could not start; the log states the reason"},
    ),
    "worker": Page(
        summary="Run a worker, which stores queued events.",
        examples=["triggers worker", "METRICS_PORT=9100 triggers worker --data .triggers"],
        variables=_SERVICE,
    ),
    "provision": Page(
        summary="Create or update queues, tables and bucket.",
        examples=["triggers provision", "AWS_PROFILE=prod QUEUE_NAME=orders triggers provision --json"],
        variables=_NAMES,
    ),
    "status": Page(
        summary="Check that everything exists and is healthy.",
        examples=[
            "triggers status",
            "triggers status --url https://api.example.com",
            "triggers status --json | jq -r '.problems[]'",
        ],
        variables={
            "TRIGGERS_URL": "an API to check, too",
            "BACKEND": "aws, despite a local server",
            **_NAMES,
        },
        exits={"1": "something is not healthy"},
    ),
    "ready": Page(
        summary="Exit with 0 if the API, or what a worker needs, is ready.",
        examples=["triggers ready http://127.0.0.1:8000", "triggers ready --json"],
        variables=_NAMES,
        exits={"1": "not ready"},
    ),
    "keys": Page(
        summary="Create, list, rotate and revoke API keys.",
        examples=["triggers keys list", "triggers keys --data .triggers create --tenant acme --name ci"],
    ),
    "keys create": Page(
        summary="Create a key and print it once.",
        examples=[
            "triggers keys create --tenant acme --name billing --scope inbox:read --expires 90d",
            "triggers keys create --tenant acme --name shop --scope events:write --type 'order.*'",
            "KEY=$(triggers keys --data .triggers create --tenant acme --name ci)",
        ],
        variables={**_KEYS, "BCRYPT_COST": "cost of the hash"},
    ),
    "keys list": Page(
        summary="List keys, never their secrets.",
        examples=["triggers keys list --tenant acme", "triggers keys list --json | jq -r '.[].key_id'"],
        variables=_KEYS,
    ),
    "keys rotate": Page(
        summary="Replace a key; the old one keeps working for a while.",
        examples=["triggers keys rotate KEYID --overlap 24h"],
        variables=_KEYS,
    ),
    "keys revoke": Page(summary="Revoke a key.", examples=["triggers keys revoke KEYID"], variables=_KEYS),
    "sources": Page(
        summary="Create and manage URLs that accept any webhook.",
        examples=[
            "triggers sources list",
            "triggers sources --data .triggers create --tenant dev --name gh --scheme github",
        ],
    ),
    "sources create": Page(
        summary="Create a source and print its URL.",
        examples=[
            "triggers sources create --tenant acme --name stripe --scheme stripe --secret-file -",
            "triggers sources create --tenant acme --name gh --inbox code --scheme github --json",
            "triggers sources create --tenant acme --name crm --scheme hmac --header X-Signature",
        ],
        variables=_SOURCE_URLS,
    ),
    "sources list": Page(
        summary="List sources, without their secrets.",
        examples=["triggers sources list --tenant acme", "triggers sources list --json | jq -r '.[].name'"],
        variables=_SOURCES,
    ),
    "sources show": Page(
        summary="Show a source.",
        examples=["triggers sources show stripe", "triggers sources show stripe --with-url"],
        variables=_SOURCE_URLS,
        exits={"1": "no such source"},
    ),
    "sources rotate": Page(
        summary="Add a signing secret, remove the old ones, or replace the URL.",
        examples=[
            "triggers sources rotate stripe --secret-file -",
            "triggers sources rotate stripe --finish",
            "triggers sources rotate stripe --new-url",
        ],
        variables=_SOURCE_URLS,
    ),
    "sources disable": Page(
        summary="Refuse deliveries.",
        examples=["triggers sources disable stripe", "triggers sources disable stripe --undo"],
        variables=_SOURCES,
    ),
    "sources delete": Page(
        summary="Delete a source permanently.",
        examples=["triggers sources delete stripe --yes"],
        variables=_SOURCES,
        exits={"1": "no such source, or not confirmed"},
    ),
    "sources test": Page(
        summary="Sign and post a delivery as the provider would.",
        examples=[
            "triggers sources test stripe --file body.json",
            "triggers sources test gh --file body.json --header 'X-GitHub-Event: push'",
        ],
        variables=_SOURCE_URLS,
        exits={"1": "the delivery was refused"},
    ),
    "dlq": Page(
        summary="List, redrive or delete events that could not be stored.",
        examples=["triggers dlq list", "triggers dlq --data .triggers redrive --all"],
    ),
    "dlq list": Page(
        summary="List messages with their reasons and contents.",
        examples=["triggers dlq list", "triggers dlq list --json | jq -r '.[].reason' | sort | uniq -c"],
        variables=_QUEUES,
    ),
    "dlq show": Page(
        summary="Show one message.",
        examples=["triggers dlq show ID", "triggers dlq show ID --payload"],
        variables=_QUEUES,
        exits={"1": "no such message"},
    ),
    "dlq redrive": Page(
        summary="Send messages to the queue again.",
        examples=["triggers dlq redrive ID", "triggers dlq redrive --all"],
        variables=_QUEUES,
        exits={"1": "not all messages were redriven"},
    ),
    "dlq drop": Page(
        summary="Delete messages permanently.",
        examples=["triggers dlq drop ID", "triggers dlq drop ID ID --yes --json"],
        variables=_QUEUES,
        exits={"1": "not all messages were deleted, or the answer was no"},
    ),
    "send": Page(
        summary="Post a file of events.",
        examples=[
            "triggers send events.ndjson",
            "jq -c '.[]' events.json | triggers send - --inbox orders",
            "triggers send --sample stripe.invoice.paid",
        ],
        variables=_API,
        exits={"1": "an event was rejected, or not all were sent"},
    ),
    "tail": Page(
        summary="Print events as they arrive.",
        examples=[
            "triggers tail --inbox orders",
            "triggers tail --once > all.ndjson",
            "triggers tail --forward-to http://127.0.0.1:3000/webhooks --cursor-file cursor.txt",
        ],
        variables=_API,
        exits={"130": "Ctrl-C, the usual end"},
    ),
    "groups": Page(
        summary="List, show and rewind consumer groups.",
        examples=["triggers groups list", "triggers groups quarantine billing"],
    ),
    "groups list": Page(
        summary="List the groups of an inbox.",
        examples=["triggers groups list --inbox orders", "triggers groups list --json | jq -r '.[].group'"],
        variables=_API,
    ),
    "groups show": Page(
        summary="Show one group.",
        examples=["triggers groups show billing", "triggers groups show billing --json | jq .lag"],
        variables=_API,
    ),
    "groups seek": Page(
        summary="Let a group begin elsewhere.",
        examples=["triggers groups seek billing --since 2026-11-22T00:00:00Z", "triggers groups seek billing --end"],
        variables=_API,
    ),
    "groups quarantine": Page(
        summary="List or release the events that failed too often.",
        examples=["triggers groups quarantine billing", "triggers groups quarantine billing --release-all"],
        variables=_API,
    ),
    "completion": Page(
        summary="Print a completion script for a shell.",
        examples=[
            'eval "$(triggers completion bash)"',
            "triggers completion zsh > ~/.zfunc/_triggers",
            "triggers completion fish > ~/.config/fish/completions/triggers.fish",
        ],
    ),
}
"""Pages by command path."""


def attach(root: click.Group) -> None:
    """Add its page to each command's help; raise `KeyError` for a page without a command."""
    for words, page in PAGES.items():
        command: click.Command = root
        for word in words.split():
            command = command.commands[word] if isinstance(command, click.Group) else command
        command.short_help = page.summary
        command.epilog = "\n\n".join(_paragraphs(page))


def _paragraphs(page: Page) -> Iterator[str]:
    # \b keeps click from filling the lines of a paragraph.
    yield "\n".join(["\b", "Examples:", *(f"  {example}" for example in page.examples)])
    for title, entries in (("Environment:", page.variables), ("Exit codes:", page.exits)):
        if entries:
            width = max(map(len, entries))
            yield "\n".join(["\b", title, *(f"  {name:<{width}}  {meaning}" for name, meaning in entries.items())])
