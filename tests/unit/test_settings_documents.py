"""`.env.example` and `docs/settings.md` match `Settings`."""

import subprocess
import sys
from pathlib import Path

from shared import settings

ROOT = Path(__file__).parents[2]


def test_env_example_holds_every_setting_with_its_default() -> None:
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    example = dict(line.split("=", 1) for line in lines)
    assert list(example) == settings.variable_names()
    assert settings.load(example) == settings.Settings()


def test_both_documents_match_the_settings() -> None:
    command = [sys.executable, str(ROOT / "script" / "settings.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
