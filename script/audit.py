"""Run pip-audit against the configured registry, and check the age of the image's base. See script/audit."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from environments.redirections import for_installing, for_listing
from pip_audit import _cli
from pip_audit._service.interface import ServiceError

_ROOT = Path(__file__).parent.parent
_LOCKS = ("runtime", "otel", "build")
_CHOSEN = re.compile(r"^# Chosen on ([0-9-]+)\b[^\n]*\nARG PYTHON=", re.MULTILINE)
_MAX_DAYS = 45
"""Debian's fixes reach the image about once a month."""

_FOUND = 1
_NOT_CHECKED = 3


class _NotCheckedError(Exception):
    """The service can't be reached or used; the message gives the reason."""


class Registry:
    """The session of pip-audit's PyPI service, which asks the configured registry in place of PyPI, if there is one."""

    def __init__(self, session: requests.Session, index: str | None) -> None:
        self._session = session
        self._base = re.sub(r"/\+?simple/?$", "", index) if index else None

    def get(self, *, url: str, timeout: float | None = None) -> requests.Response:
        """Return PyPI's description of a release, which lists vulnerabilities; many mirrors do not have it."""
        try:
            asked = url if self._base is None else self._base + urlsplit(url).path
            answer = self._session.get(asked, timeout=timeout)
            description = answer.json() if answer.status_code == requests.codes.ok else None
        except requests.JSONDecodeError:
            description = None
        except requests.RequestException as error:
            raise _unusable(asked, f"can't be reached ({type(error).__name__})") from None
        if answer.status_code != requests.codes.ok:
            raise _unusable(asked, f"answers {answer.status_code} to {urlsplit(url).path}")
        if not isinstance(description, dict) or not isinstance(description.get("vulnerabilities"), list):
            raise _unusable(asked, "does not list vulnerabilities, as PyPI does")
        return answer


def _unusable(asked: str, why: str) -> _NotCheckedError:
    # The host alone: the address may contain a password.
    return _NotCheckedError(f"the registry {urlsplit(asked).hostname} {why}; try script/audit -s osv")


def audit(arguments: Sequence[str]) -> int:
    """Run pip-audit; return 1 if it finds a vulnerability, 2 if the arguments are wrong, 3 if it can't check."""
    settings = _pip_settings()

    class ConfiguredRegistry(_cli.PyPIService):
        def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 (pip-audit's)
            super().__init__(*given, **named)
            self.session.verify = settings.get("PIP_CERT", True)
            if proxy := settings.get("PIP_PROXY"):
                self.session.proxies = {"http": proxy, "https": proxy}
            self.session = Registry(self.session, settings.get("PIP_INDEX_URL"))

    def fatal(message: str) -> NoReturn:
        raise _NotCheckedError(message)

    options = ["--strict", "--disable-pip", "--progress-spinner", "off"]
    locks = [argument for lock in _LOCKS for argument in ("-r", str(_ROOT / "requirements" / f"{lock}.txt"))]
    sys.argv = ["script/audit", *options, *locks, *arguments]
    _cli.PyPIService = ConfiguredRegistry
    _cli._fatal = fatal  # noqa: SLF001 (pip-audit's exits with the code of a vulnerability)
    try:
        _cli.audit()
    except SystemExit as done:
        return int(done.code or 0)
    except (_NotCheckedError, ServiceError, requests.RequestException) as error:
        reason = str(error) if isinstance(error, _NotCheckedError) else f"the service failed ({type(error).__name__})"
        _say(f"the dependencies were not checked: {reason}.")
        return _NOT_CHECKED
    return 0


def age_of_base(dockerfile: str, today: date) -> int:
    """Return how many days ago the image's base was chosen."""
    found = _CHOSEN.search(dockerfile)
    if found is None:
        raise ValueError("The Dockerfile does not say, in the line above ARG PYTHON, when the base was chosen.")
    return (today - date.fromisoformat(found[1])).days


def main(arguments: Sequence[str], today: date) -> int:
    """Check both; return the exit code."""
    code = audit(arguments)
    days = age_of_base((_ROOT / "Dockerfile").read_text(encoding="utf-8"), today)
    if days > _MAX_DAYS:
        _say(
            f"the image's base was chosen {days} days ago, and may lack fixes; at most {_MAX_DAYS} are allowed."
            " Put the newest digest and its date into the Dockerfile."
        )
        return _FOUND
    return code


def _pip_settings() -> dict[str, str]:
    """Return how pip reaches its registry, from its variables and files."""
    command = [sys.executable, "-I", "-m", "pip", "config", "list"]
    listed = subprocess.run(command, env=for_listing(os.environ), check=True, capture_output=True, text=True)  # noqa: S603
    return for_installing(os.environ, listed.stdout)


def _say(message: str) -> None:
    print(f"script/audit: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], datetime.now(UTC).date()))
