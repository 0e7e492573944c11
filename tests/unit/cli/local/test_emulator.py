import subprocess
import sys
import time
from pathlib import Path

from cli.local import emulator


def test_nothing_answers_on_a_free_port(free_port: int) -> None:
    assert not emulator.answers(emulator.health_url(free_port))


def test_the_emulator_listens_on_loopback_and_keeps_all_state_in_one_place(tmp_path: Path) -> None:
    environ = emulator.server_environment({"PATH": "/bin"}, port=4566, state=tmp_path)
    assert environ["BIND_HOST"] == "127.0.0.1"
    assert environ["PATH"] == "/bin"
    assert all(environ[name].startswith(str(tmp_path)) for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"))


def test_a_command_tied_to_its_parent_ends_with_it() -> None:
    # The process in the middle starts a child that would wait forever, prints its id, and is killed.
    child = emulator.tied_to_parent(
        [sys.executable, "-c", "import os, signal; print(os.getpid(), flush=True); signal.pause()"]
    )
    middle = f"""
import os, subprocess
child = subprocess.Popen({child!r}, stdout=subprocess.PIPE)
print(child.stdout.readline().decode(), flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", middle], capture_output=True, check=False, timeout=60)  # noqa: S603
    pid = int(done.stdout)
    while _runs(pid):
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
