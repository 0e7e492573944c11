"""Set-up on a machine like a user's: it installs once, in the checkout and nowhere else, whatever interrupts it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout, until

pytestmark = pytest.mark.slow

Stop = Callable[["subprocess.Popen[str]"], None]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in which nothing is installed."""
    return Checkout(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that is set up, since that takes seconds; each test leaves it so."""
    checkout = Checkout(tmp_path_factory.mktemp("installed"))
    printed, said = checkout.run()
    assert printed["prefix"] == str(checkout.path / ".venv")
    assert Path(printed["one"]).is_relative_to(checkout.path / ".venv")
    assert said == "script/server: installing what is needed, once; this takes about a minute.\n"
    return checkout


def _installed_elsewhere(checkout: Checkout) -> bool:
    """Return whether the user's own Python or home directory holds a package of the locks."""
    command = ["python3", "-c", "import one"]
    imported = subprocess.run(command, env=checkout.environ(), check=False, capture_output=True)  # noqa: S603
    return imported.returncode == 0 or bool([path for path in checkout.home.rglob("*") if path.name.startswith("one")])


def test_a_start_uses_what_is_installed(installed: Checkout) -> None:
    made = (installed.path / ".venv").stat().st_ino
    assert installed.run()[1] == ""
    assert (installed.path / ".venv").stat().st_ino == made
    assert installed.left() == [".venv"]


def test_commands_hold_the_path_of_the_place_they_are_in(installed: Checkout) -> None:
    command = subprocess.run([installed.path / ".venv" / "bin" / "one"], check=True, capture_output=True, text=True)  # noqa: S603
    assert command.stdout == f"{installed.path / '.venv'}\n"
    scripts = [file for file in (installed.path / ".venv" / "bin").iterdir() if not file.is_symlink()]
    assert [file.name for file in scripts if b".venv.new" in file.read_bytes()] == []


def test_two_first_starts_at_once_install_once(checkout: Checkout) -> None:
    checkout.hold()
    first = checkout.start()
    checkout.until_building()
    second = checkout.start()
    assert second.stderr is not None
    assert second.stderr.readline() == "script/server: another script is installing; waiting for it to finish.\n"
    checkout.release()
    (one, said), (other, said_later) = checkout.finish(first), checkout.finish(second)
    assert one == other
    assert "installing what is needed" in said
    assert said_later == ""
    assert checkout.left() == [".venv"]


def test_an_environment_without_its_configuration_is_made_again(installed: Checkout) -> None:
    (installed.path / ".venv" / "pyvenv.cfg").unlink()
    printed, said = installed.run()
    assert printed["prefix"] == str(installed.path / ".venv")
    assert "installing what is needed" in said
    assert not _installed_elsewhere(installed)


def test_settings_of_the_users_pip_and_python_do_not_redirect_set_up(checkout: Checkout, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shadow = tmp_path / "shadow"
    for name in ("one.py", "pip.py", "asyncio.py", "sitecustomize.py", "cli.py"):
        shadow.mkdir(exist_ok=True)
        (shadow / name).write_text("raise SystemExit('shadowed')", encoding="utf-8")
    environ = checkout.environ()
    reach = f"no-index = yes\nfind-links = {environ['PIP_FIND_LINKS']}"
    configured = f"[global]\nuser = yes\n{reach}\n[install]\ntarget = {elsewhere}\nno-compile = yes\n"
    (tmp_path / "pip.conf").write_text(configured, encoding="utf-8")
    (checkout.home / ".pydistutils.cfg").write_text(f"[install]\nprefix = {elsewhere}\n", encoding="utf-8")
    printed, _ = checkout.run(
        PIP_NO_INDEX="",  # found in the file
        PIP_FIND_LINKS="",
        PIP_CONFIG_FILE=str(tmp_path / "pip.conf"),
        PIP_CONSTRAINT=str(tmp_path / "missing"),
        PIP_DRY_RUN="1",
        PIP_NO_BINARY=":all:",
        PIP_PREFIX=str(elsewhere),
        PIP_REQUIREMENT=str(tmp_path / "missing"),
        PIP_ROOT=str(elsewhere),
        PIP_TARGET=str(elsewhere),
        PIP_USER="1",
        PYTHONHOME=str(tmp_path / "missing"),
        PYTHONPATH=str(shadow),
        PYTHONUSERBASE=str(elsewhere),
        PYTHONWARNINGS="error",
        VIRTUAL_ENV=str(tmp_path / "missing"),
    )
    assert printed["prefix"] == str(checkout.path / ".venv")
    assert not elsewhere.exists()
    assert not _installed_elsewhere(checkout)


def _interrupt(server: "subprocess.Popen[str]") -> None:
    os.killpg(server.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [_interrupt, subprocess.Popen.terminate, subprocess.Popen.kill])
def test_an_interrupted_installation_leaves_nothing(checkout: Checkout, stop: Stop) -> None:
    checkout.hold()
    server = checkout.start()
    checkout.until_building()
    stop(server)
    out, _ = server.communicate(timeout=60)
    assert server.returncode != 0
    assert out == ""  # the service did not start
    until(lambda: not checkout.processes())
    assert checkout.left() == []


def test_what_a_killed_installation_leaves_is_not_used(checkout: Checkout) -> None:
    checkout.hold()
    server = checkout.start()
    checkout.until_building()
    checkout.kill("script/environments")
    server.communicate(timeout=60)
    assert server.returncode != 0
    assert ".venv" not in checkout.left()

    checkout.release()
    assert "installing what is needed" in checkout.run()[1]
    assert checkout.left() == [".venv"]
    until(lambda: not checkout.processes())


def test_a_failed_update_keeps_what_is_there_and_gives_the_reason(installed: Checkout) -> None:
    installed.lock("one", hashes="0" * 64)
    server = installed.start()
    _, said = server.communicate(timeout=60)
    assert server.returncode == 1
    failed = said.splitlines()[-1]
    assert failed.startswith("script/server: installing .venv failed: ")
    assert failed.endswith(f" (the full output is in {installed.path / '.venv.log'})")
    assert installed.left() == [".venv", ".venv.log"]

    installed.lock("one")
    assert installed.run()[1] == ""
    (installed.path / ".venv.log").unlink()


def test_changed_locks_are_installed_anew(installed: Checkout) -> None:
    installed.lock("one", "two")
    assert "installing what is needed" in installed.run()[1]
    assert (installed.path / ".venv" / "bin" / "two").exists()
    assert installed.left() == [".venv"]


def test_an_environment_of_the_user_is_kept_under_another_name(checkout: Checkout) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout.path / ".venv"], check=True)  # noqa: S603
    (checkout.path / ".venv" / "notes").write_text("mine", encoding="utf-8")
    _, said = checkout.run()
    kept = checkout.path / ".venv.kept"
    assert f"script/server: {checkout.path / '.venv'} was not made by these scripts; it is now {kept}.\n" in said
    assert (kept / "notes").read_text(encoding="utf-8") == "mine"


def test_a_checkout_that_can_not_be_written_gives_the_reason(checkout: Checkout) -> None:
    (checkout.path / ".venv.lock").mkdir()  # as root may write anywhere
    server = checkout.start()
    _, said = server.communicate(timeout=60)
    assert server.returncode == 1
    assert said == (f"script/server: the environments can't be made: Is a directory: {checkout.path / '.venv.lock'}\n")


@pytest.mark.parametrize(
    ("python", "reason"),
    [
        ("exit 1", "Python 3.11 or newer is needed, and none was found on the PATH."),
        (
            'case "$*" in *environments*) exit 69 ;; esac',
            "python has no venv module; install it (on Debian and Ubuntu: apt install python3-venv).",
        ),
    ],
    ids=["too old", "without venv"],
)
def test_no_suitable_python_is_reported_in_one_line(
    checkout: Checkout, tmp_path: Path, python: str, reason: str
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("python", "python3", *(f"python3.{minor}" for minor in range(11, 15))):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    server = checkout.start(PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert server.communicate(timeout=60) == ("", f"script/server: {reason}\n")
    assert server.returncode == 1


def test_another_kind_has_an_environment_of_its_own(installed: Checkout) -> None:
    assert "installing what is needed" in installed.run("--emulator")[1]
    assert installed.left() == [".venv", ".venv-emulator"]
    shutil.rmtree(installed.path / ".venv-emulator")


def test_a_moved_checkout_is_set_up_again(installed: Checkout) -> None:
    installed.path = installed.path.rename(installed.path.with_name("moved"))
    printed, said = installed.run()
    assert printed["prefix"] == str(installed.path / ".venv")
    assert "installing what is needed" in said
