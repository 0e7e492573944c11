"""What installers may take from the user's environment: how to reach a registry, and nothing else.

Companies set a mirror, a proxy or a certificate in `PIP_INDEX_URL` or in `pip.conf`, and an installation must use them.
But `PIP_USER`, `PIP_TARGET`, `PIP_PREFIX` or `PYTHONHOME` direct it to another place, and `PIP_CONSTRAINT`, `PIP_PRE`
or `PIP_DRY_RUN` change what is installed, which the locks alone determine. Since pip has an option for every variable,
and more with each release, the list is of what is kept.
"""

import ast
import os
import re
from collections.abc import Mapping

_KEPT = frozenset(
    {
        "cache-dir",
        "cert",
        "client-cert",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "keyring-provider",
        "no-cache-dir",
        "no-index",
        "proxy",
        "pypi-url",  # an older name of index-url
        "resume-retries",
        "retries",
        "timeout",
        "trusted-host",
        "use-deprecated",  # legacy-certs
        "use-feature",  # truststore
    }
)
_SECTIONS = ("global", "install", ":env:")
"""In the order of precedence."""
_SETTING = re.compile(rf"({'|'.join(_SECTIONS)})\.([\w-]+)=(['\"].*)")
_REDIRECT_PYTHON = ("PYTHON", "PIP_", "__PYVENV_LAUNCHER__", "DIST_EXTRA_CONFIG")


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without all that is meant for the user's own Python and pip."""
    return {name: value for name, value in environ.items() if not name.startswith(_REDIRECT_PYTHON)}


def for_listing(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which `pip config list` shows the settings of all files and variables."""
    pip = {name: value for name, value in environ.items() if name.startswith("PIP_")}
    # A setting `user`, which concerns installations, would limit the command to the user's file.
    return {**clean(environ), **pip, **dict.fromkeys(("PIP_USER", "PIP_GLOBAL", "PIP_SITE", "PIP_QUIET"), "0")}


def for_installing(environ: Mapping[str, str], listed: str) -> dict[str, str]:
    """Return the environment for `pip install`, given what `pip config list` printed."""
    found = [match.groups() for line in listed.splitlines() if (match := _SETTING.fullmatch(line))]
    found.sort(key=lambda setting: _SECTIONS.index(setting[0]))
    values = {name: str(ast.literal_eval(value)) for _, name, value in found if value not in {"''", '""'}}
    kept = {f"PIP_{name.upper().replace('-', '_')}": values[name] for name in _KEPT & values.keys()}
    return {
        **clean(environ),
        **kept,
        "PIP_CONFIG_FILE": os.devnull,  # what counts of the files is in `kept`
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",  # pip itself refuses to install into the user's Python
    }
