"""`script/environments/redirections.py` keeps how to reach a registry, and drops what redirects an installation."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

FILE = Path(__file__).parents[3] / "script" / "environments" / "redirections.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("redirections", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


redirections = load()


def installing(*listed: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    """Return the variables of `pip install` besides those that are always set."""
    found: dict[str, str] = redirections.for_installing(environ or {}, "\n".join(listed))
    assert found.pop("PIP_CONFIG_FILE") == os.devnull
    assert found.pop("PIP_REQUIRE_VIRTUALENV") == "1"
    assert found.pop("PIP_DISABLE_PIP_VERSION_CHECK") == "1"
    return found


def test_a_configured_registry_is_kept() -> None:
    assert installing(
        "global.index-url='https://user:secret@mirror.example/simple'",
        "global.extra-index-url='https://one.example\\nhttps://two.example'",
        "install.trusted-host='mirror.example'",
        ":env:.cert='/etc/ca.pem'",
    ) == {
        "PIP_INDEX_URL": "https://user:secret@mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://one.example\nhttps://two.example",
        "PIP_TRUSTED_HOST": "mirror.example",
        "PIP_CERT": "/etc/ca.pem",
    }


def test_a_variable_takes_precedence_over_files_and_install_over_global() -> None:
    assert installing(":env:.index-url='c'", "global.index-url='a'", "install.index-url='b'") == {"PIP_INDEX_URL": "c"}
    assert installing("install.index-url='b'", "global.index-url='a'") == {"PIP_INDEX_URL": "b"}


def test_an_empty_variable_leaves_what_a_file_says() -> None:
    assert installing("global.index-url='a'", ":env:.index-url=''") == {"PIP_INDEX_URL": "a"}


def test_everything_else_is_dropped() -> None:
    listed = (
        "global.user='yes'",
        "install.target='/elsewhere'",
        "install.an-option-of-next-year='1'",
        "list.index-url='https://only-for-pip-list.example'",
        "WARNING: not a setting",
    )
    environ = {
        "PIP_USER": "1",
        "PYTHONHOME": "/nowhere",
        "DIST_EXTRA_CONFIG": "/nowhere",
        "HTTPS_PROXY": "http://proxy.example",
        "PATH": "/bin",
    }
    assert installing(*listed, environ=environ) == {"HTTPS_PROXY": "http://proxy.example", "PATH": "/bin"}


def test_settings_are_listed_from_all_files_whatever_a_variable_says() -> None:
    environ = {"PIP_USER": "1", "PIP_INDEX_URL": "https://mirror.example", "PYTHONPATH": "/elsewhere"}
    assert redirections.for_listing(environ) == {
        "PIP_INDEX_URL": "https://mirror.example",
        "PIP_GLOBAL": "0",
        "PIP_QUIET": "0",
        "PIP_SITE": "0",
        "PIP_USER": "0",
    }
