"""`triggers dev`: the whole pipeline on this machine, in one command.

It runs a worker and the API on SQLite files in the data directory or, with `--emulator`, on an emulator of SQS,
DynamoDB and S3, which is a third child process. If one child ends, all are stopped.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.local import emulator
from cli.local.children import ChildEndedError, Children, StopRequestedError
from cli.local.data_option import sqlite_environment, without_endpoint_overrides
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.model.errors import TriggersError

if TYPE_CHECKING:
    from cli.local.data_directory import DataDirectory

_ROOT = Path(__file__).parents[2]
_HOST = "127.0.0.1"
_START_SECONDS = 60
_STOP_SECONDS = 10
_POLL_SECONDS = 0.02
_WAIT_SECONDS = 2 * emulator.STOP_SECONDS
"""For an emulator that outlived a killed server and is saving its state."""

# The emulator takes tens of milliseconds for what DynamoDB does in five, and all processes here share one clock. The
# emulator does not notice when a poll is cancelled, and on Python 3.12+ it waits for every poll before it saves its
# state, so polls are short.
_EMULATOR_DEFAULTS = {
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
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    help="Directory for the SQLite database, or for the state of the emulator with --emulator; it also holds the"
    " API key.  [default: .triggers in the checkout]",
)
@click.option("--emulator", "on_emulator", is_flag=True, help="Run on an emulator of AWS instead of SQLite.")
def dev(*, port: int, data: Path, on_emulator: bool) -> None:
    """Run the worker and the API on this machine until Ctrl-C, and print an API key and example commands.

    By default, everything is stored in SQLite files in the data directory. With --emulator, the queues, tables and
    bucket are in an emulator of AWS.
    """
    from cli.local.data_directory import DataDirectory  # noqa: PLC0415 (loads bcrypt)

    _refuse_taken(port)
    with DataDirectory(data).locked() as directory:
        sys.exit(asyncio.run(_run(port, directory, on_emulator=on_emulator)))


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise TriggersError(f"port {port} can't be used ({error.strerror}); choose another with --port") from None


async def _run(port: int, data: "DataDirectory", *, on_emulator: bool) -> int:
    children = Children(click.echo)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, children.request_stop)
    try:
        environ = await (_emulator if on_emulator else _sqlite)(children, data)
        api_key = await _start(children, port, data, environ)
        url = f"http://{_HOST}:{port}"
        data.announce(url, api_key)
        _greet(url, api_key)
        await children.wait()
    except StopRequestedError:
        click.echo("Stopping: finishing requests, and saving events that the queue handed out.")
    except ChildEndedError as error:
        click.echo(f"Error: {error}; stopping everything.", err=True)
        return 1
    finally:
        data.withdraw()
        await children.stop()
    return 0


def emulator_environment(environ: Mapping[str, str], port: int) -> dict[str, str]:
    """Return `environ` with the emulator as the backend, and defaults for settings that are not set."""
    cleaned = without_endpoint_overrides(environ)
    defaults = {name: value for name, value in _EMULATOR_DEFAULTS.items() if not cleaned.get(name)}
    return {**cleaned, **defaults, "BACKEND": "aws", **emulator.client_environment(port)}


async def _sqlite(_: Children, data: "DataDirectory") -> dict[str, str]:
    """Return the environment that selects the SQLite files in the data directory."""
    return {**os.environ, **sqlite_environment(data.path)}


async def _emulator(children: Children, data: "DataDirectory") -> dict[str, str]:
    """Start the emulator, create its queues, tables and bucket, and return the environment that selects it."""
    from shared.aws.provision import provision  # noqa: PLC0415 (loads the SDK)

    try:
        command = emulator.command()
    except FileNotFoundError as error:
        raise TriggersError(str(error)) from None
    port = emulator.free_port()
    environ = {**emulator_environment(os.environ, port), "DATA_DIR": str(data.path)}
    state, lock = await children.guard(data.lock_emulator_state(wait_seconds=_WAIT_SECONDS, on_wait=_report_wait))
    with lock:
        await children.start(
            "emulator",
            command,
            emulator.server_environment(os.environ, port=port, state=state),
            stop_seconds=emulator.STOP_SECONDS,
            mute_at_stop=True,  # it prints a harmless stack trace for each connection that is still open
            pass_fds=[lock.fileno()],
        )
    await children.guard(_wait_until_ready("The emulator", emulator.health_url(port)))
    os.environ.update(environ)  # the SDK reads its variables from here
    await children.guard(provision(settings.load(environ)))
    data.record_emulator_port(port)
    return environ


def _report_wait() -> None:
    click.echo("Waiting for the emulator of an earlier server to save its state.")


async def _start(children: Children, port: int, data: "DataDirectory", environ: Mapping[str, str]) -> str:
    """Start the worker and the API; return the API key once the API is ready."""
    environ = {**environ, "PYTHONUNBUFFERED": "1"}
    triggers = [sys.executable, "-P", "-m", "cli"]
    worker = emulator.tied_to_parent([*triggers, "worker"])
    # If METRICS_PORT is set, the worker listens on it; the API can't use the same port.
    api = emulator.tied_to_parent([*triggers, "serve", "all", "--host", _HOST, "--port", str(port)])
    api_key = await children.guard(_api_key(settings.load(environ), data))
    await children.start("worker", worker, environ, stop_seconds=_STOP_SECONDS)
    await children.start("api", api, {**environ, "METRICS_PORT": ""}, stop_seconds=_STOP_SECONDS)
    await children.guard(_wait_until_ready("The API", f"http://{_HOST}:{port}/readyz"))
    return api_key


async def _wait_until_ready(what: str, url: str) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(emulator.answers, url):  # noqa: ASYNC110 (it is another process)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise TriggersError(f"{what} did not answer within {_START_SECONDS} s") from None


async def _api_key(loaded: settings.Settings, data: "DataDirectory") -> str:
    async with aclosing(connect(loaded, SystemClock())) as backend:
        return await data.api_key(await backend.keys(), bcrypt_cost=loaded.bcrypt_cost)


def _greet(url: str, api_key: str) -> None:
    bearer = f"-H 'Authorization: Bearer {api_key}'"
    body = """'{"type":"greeting","data":{"hello":"world"}}'"""
    click.echo(f"""
Triggers is ready at {url}. Press Ctrl-C to stop it; events are kept.

API key: {api_key}

Live page: {url}/ (it asks for the API key)

Post an event:
curl -sS {url}/v1/events {bearer} -H 'Content-Type: application/json' -d {body}

Read the inbox (events are listed within a second):
curl -sS {url}/v1/inbox {bearer}
""")
