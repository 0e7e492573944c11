"""`triggers dev`: the whole pipeline on this machine, in one command.

It owns three children: the emulator (SQS, DynamoDB, S3), the worker and the API. If one ends, all end.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.local import emulator
from cli.local.children import ChildEndedError, Children, StopRequestedError
from shared import settings
from shared.model.errors import TriggersError

if TYPE_CHECKING:
    from cli.local.dev_data import DevData

_ROOT = Path(__file__).parents[2]
_HOST = "127.0.0.1"
_START_SECONDS = 60
_STOP_SECONDS = 10
_POLL_SECONDS = 0.05

# The emulator takes tens of milliseconds for what DynamoDB does in five, and all clocks here are one. A posted
# event is still readable within two seconds. It does not notice when a poll is given up, and under Python 3.12+ it
# waits for every poll before it saves its state, so polls are short.
_EMULATOR_SUITS = {
    "CLOCK_SKEW_MS": "10",
    "COMMIT_DEADLINE_MS": "300",
    "POLL_SECONDS": "2",
    "SETTLE_MS": "1400",
    "STORE_TIMEOUT_MS": "1000",
}


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65_535), help="Port of the API.")
@click.option(
    "--data",
    default=_ROOT / ".triggers",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory that keeps events and the API key.  [default: .triggers in the checkout]",
)
def dev(port: int, data: Path) -> None:
    """Run emulator, worker and API here until Ctrl-C; print a key and how to use it."""
    from cli.local.dev_data import DevData  # noqa: PLC0415 (loads bcrypt)

    _refuse_taken(port)
    try:
        command = emulator.command()
    except FileNotFoundError as error:
        raise TriggersError(str(error)) from None
    with DevData(data).locked() as kept:
        sys.exit(asyncio.run(_run(port, kept, command)))


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise TriggersError(f"port {port} can't be used ({error.strerror}); choose another with --port") from None


def child_environment(environ: Mapping[str, str], emulator_port: int) -> dict[str, str]:
    """Return `environ` with the SDK led to the emulator, and settings that suit it where none are set."""
    kept = {name: value for name, value in environ.items() if name not in emulator.MISLEADING}
    suiting = {name: value for name, value in _EMULATOR_SUITS.items() if not kept.get(name)}
    return {**kept, **suiting, "PYTHONUNBUFFERED": "1", **emulator.client_environment(emulator_port)}


async def _run(port: int, data: "DevData", emulator_command: list[str]) -> int:
    children = Children(click.echo)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, children.request_stop)
    try:
        api_key = await _start(children, port, data, emulator_command)
        url = f"http://{_HOST}:{port}"
        data.announce(url, api_key)
        _greet(url, api_key)
        await children.wait()
    except StopRequestedError:
        click.echo("Stopping.")
    except ChildEndedError as error:
        click.echo(f"Error: {error}; stopping everything.", err=True)
        return 1
    finally:
        data.withdraw()
        await children.stop()
    return 0


async def _start(children: Children, port: int, data: "DevData", emulator_command: list[str]) -> str:
    """Start everything, each when what it needs answers; return the API key."""
    emulator_port = emulator.free_port()
    environ = child_environment(os.environ, emulator_port)
    loaded = settings.load(environ)
    server_environ = emulator.server_environment(os.environ, port=emulator_port, state=data.emulator)
    # As it stops it prints a stack for each connection that is still open, which looks like trouble and is none.
    await children.start(
        "emulator", emulator_command, server_environ, stop_seconds=emulator.STOP_SECONDS, mute_at_stop=True
    )
    await children.guard(_until_answers("The emulator", emulator.health_url(emulator_port)))
    os.environ.update(environ)  # the SDK reads its variables from here
    api_key = await children.guard(_provision(loaded, data))
    data.note_emulator(emulator_port)
    triggers = [sys.executable, "-P", "-m", "cli"]
    worker = emulator.tied_to_parent([*triggers, "worker"])
    await children.start("worker", worker, environ, stop_seconds=_STOP_SECONDS)
    serve = [*triggers, "serve", "all", "--host", _HOST, "--port", str(port)]
    # METRICS_PORT, if there is one, is the worker's.
    api_environ = {**environ, "METRICS_PORT": ""}
    await children.start("api", emulator.tied_to_parent(serve), api_environ, stop_seconds=_STOP_SECONDS)
    await children.guard(_until_answers("The API", f"http://{_HOST}:{port}/readyz"))
    return api_key


async def _until_answers(what: str, url: str) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(emulator.answers, url):  # noqa: ASYNC110 (it is another process)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise TriggersError(f"{what} did not answer within {_START_SECONDS} s") from None


async def _provision(loaded: settings.Settings, data: "DevData") -> str:
    from shared.aws.clients import Aws  # noqa: PLC0415 (loads the SDK, while the emulator starts)
    from shared.aws.key_store import DynamoKeyStore  # noqa: PLC0415 (the same)
    from shared.aws.provision import provision  # noqa: PLC0415 (the same)

    await provision(loaded)
    async with Aws(loaded).dynamodb() as dynamodb:
        store = DynamoKeyStore(dynamodb, loaded.dynamodb_table_api_keys)
        return await data.api_key(store, bcrypt_cost=loaded.bcrypt_cost)


def _greet(url: str, api_key: str) -> None:
    bearer = f"-H 'Authorization: Bearer {api_key}'"
    body = """'{"type":"greeting","data":{"hello":"world"}}'"""
    click.echo(f"""
Triggers is ready on {url}. Stop it with Ctrl-C; events are kept.

API key: {api_key}

Watch it live: {url}/ (the page asks for the key)

Post an event:
curl -sS {url}/v1/events {bearer} -H 'Content-Type: application/json' -d {body}

Read the inbox (an event shows up after about two seconds):
curl -sS {url}/v1/inbox {bearer}
""")
