"""The pool in a process of its own, since it takes over signals and forks."""

import subprocess
import sys
import textwrap
import time


def run(target: str) -> tuple[int, str, float]:
    """Run a pool of two whose members run the body `target`; return exit code, stderr and seconds."""
    script = "import os, sys, time, signal\nfrom cli.process_pool import ProcessPool\ndef target(index):\n"
    script += textwrap.indent(textwrap.dedent(target), "    ") + "\nsys.exit(ProcessPool(2, target).run())\n"
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    return done.returncode, done.stderr, time.monotonic() - started


def test_a_member_that_fails_at_the_start_ends_the_pool_with_its_code() -> None:
    code, _, seconds = run("sys.exit(3) if index == 1 else time.sleep(50)")

    assert (code, seconds < 30) == (3, True)


def test_a_known_error_of_a_member_is_one_line() -> None:
    code, stderr, _ = run("""
        from shared.model.errors import InvalidSettings
        if index == 0:
            raise InvalidSettings(["METRICS_PORT=1"])
        time.sleep(50)
    """)

    assert code == 1
    assert stderr.splitlines()[0] == "Invalid setting: METRICS_PORT=1"
    assert "Traceback" not in stderr


def test_the_pool_forwards_a_stop_and_ends_with_0() -> None:
    code, stderr, _ = run("""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        if index == 1:
            time.sleep(0.3)
            os.kill(os.getppid(), signal.SIGINT)
        time.sleep(50)
    """)

    assert (code, stderr) == (0, "")
