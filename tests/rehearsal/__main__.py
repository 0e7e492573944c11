"""Run the rehearsal and print what happened; `--keep DIR` keeps the logs of `cdk` and of the emulator there."""

import hmac
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
from click import echo

from tests.integration.payloads import webhooks
from tests.rehearsal import cloud, edges, poison
from tests.rehearsal.deployment import Deployment
from tests.rehearsal.roles import Roles
from tests.rehearsal.traffic import Client, until

_TENANT = "rehearsal"


def main(arguments: list[str]) -> None:
    """Rehearse; raise if a guarantee does not hold."""
    with ExitStack() as stack:
        keep = arguments[arguments.index("--keep") + 1] if "--keep" in arguments else None
        directory = Path(keep or stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        directory.mkdir(parents=True, exist_ok=True)
        port = stack.enter_context(cloud.running(directory))
        environ = cloud.environment(port)
        for name in set(os.environ) - set(environ):
            del os.environ[name]
        os.environ.update(environ)
        deployment = Deployment(environ, directory)
        with _step("described, and the bundle made"):
            deployment.synthesize()
        with _step("account bootstrapped"):
            deployment.bootstrap()
        with _step("deployed"):
            url = deployment.deploy()
        found = deployment.resources(boto3.client("cloudformation"))
        echo(f"  {found.total()} resources: {', '.join(f'{n} {kind}' for kind, n in found.most_common())}")
        with _step("compared with the same app, and a deployment refused that would replace a table"):
            deployment.compare()
        try:
            rehearse(url, port, environ)
        finally:
            (directory / "functions.log").write_text("".join(_log_lines(boto3.client("logs"))))
        with _step("destroyed"):
            _empty(boto3.resource("s3"))
            deployment.destroy()


def rehearse(url: str, port: int, environ: dict[str, str]) -> None:
    """Send and read events, poison included, then try the roles."""
    lambda_, sqs = boto3.client("lambda"), boto3.client("sqs")
    functions = _functions(lambda_)
    settings = lambda_.get_function_configuration(FunctionName=functions["worker"])["Environment"]["Variables"]
    environ = environ | settings
    key = poison.triggers(environ, "keys", "create", "--tenant", _TENANT, "--name", "rehearsal", "--json")
    client = Client(url, port, key["api_key"])
    queue_url = sqs.get_queue_url(QueueName=settings["QUEUE_NAME"])["QueueUrl"]
    posted = webhooks()
    with _step(f"{len(posted)} webhooks accepted, a third of them twice"):
        sent = client.send(posted)
    echo(f"  {client.timing()}")
    good = poison.send(sqs, queue_url, _TENANT)
    with _step("listed, each once, with the bytes that were posted"):
        listed = client.follow(len(sent) + len(good))
    assert Counter(one.id for one in listed) == Counter([*sent, *good])
    assert {one.id: bytes(one.data) for one in listed if one.id in sent} == sent
    with _step("leased by a group, half of them done and half released, then the other half"):
        assert client.lease_all(release_every=2) == Counter([*sent, *good])
    with _step("acknowledged: ten are listed no longer"):
        acked = listed[:10]
        positions = ",".join(f'"{one.position}"' for one in acked)
        client.post("/v1/acks", f'{{"inbox":"default","positions":[{positions}]}}'.encode())
        until(lambda: not client.listed() & {one.id for one in acked})
    with _step("a webhook delivered to a source, verified with a secret that KMS decrypts"):
        _deliver(client, environ)
    with _step("compressed and Latin-1 bodies, ids with slashes, and long polls, as an HTTP API hands them on"):
        edges.check(client)
    with _step("poison in the dead-letter queue, and nothing else"):
        poison.send_unreadable(sqs, queue_url)
        reasons = poison.dead_letters(environ, 2)
    echo(f"  {'; '.join(reasons)}")
    assert len(reasons) == 2
    with _step("roles tried"):
        tried = Roles(lambda_, functions, settings | {"QUEUE_URL": queue_url}).check()
    echo(f"  of {tried.pop('calls')} calls allowed: {', '.join(f'{role} {n}' for role, n in tried.items())}")
    _check_refusals(client)


def _deliver(client: Client, environ: dict[str, str]) -> None:
    words = ("--tenant", _TENANT, "--name", "hook", "--inbox", "hooks", "--scheme", "github", "--json")
    made = poison.triggers(environ | {"PUBLIC_URL": "https://api.example"}, "sources", "create", *words)
    path, body = made["url"].removeprefix("https://api.example"), b'{"action":"opened"}'
    signature = hmac.new(made["secret"].encode(), body, "sha256").hexdigest()
    for digest, status in ((signature, 200), (f"{signature[1:]}0", 401)):
        answer = client.http.post(path, content=body, headers={"x-hub-signature-256": f"sha256={digest}"})
        assert answer.status_code == status, answer.text
    until(lambda: client.http.get("/v1/inbox", params={"inbox": "hooks"}).json()["events"])


def _check_refusals(client: Client) -> None:
    for method, path, status in (("PUT", "/v1/events", 405), ("GET", "/nothing", 404), ("POST", "/nothing", 404)):
        answer = client.http.request(method, path)
        assert answer.status_code == status, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.http.get("/v1/inbox", headers={"authorization": "Bearer none"}).status_code == 401
    echo("  refusals are problems, also those of paths that no route names")


def _functions(lambda_: Any) -> dict[str, str]:
    """Return the function name of each part, found by its handler."""
    parts = {
        "ingest.lambda_handler": "ingest",
        "worker.inbox.lambda_handler": "inbox",
        "worker.groups.lambda_handler": "groups",
        "worker.commit.lambda_handler": "worker",
    }
    found = lambda_.list_functions()["Functions"]
    return {parts[one["Handler"].rpartition(".")[0]]: one["FunctionName"] for one in found}


def _log_lines(logs: Any) -> Iterator[str]:
    for group in logs.describe_log_groups(logGroupNamePrefix="/triggers/")["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield from (f"{group['logGroupName']} {one['message'].rstrip()}\n" for one in page["events"])


def _empty(s3: Any) -> None:
    for bucket in s3.buckets.all():
        if "bodies" in bucket.name:
            bucket.objects.all().delete()


@contextmanager
def _step(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    echo(f"{time.monotonic() - started:6.1f} s  {what}")


if __name__ == "__main__":
    main(sys.argv[1:])
