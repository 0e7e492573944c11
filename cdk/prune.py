"""Remove files that no process loads from an installation. Stdlib only, since the Dockerfile runs it too.

python prune.py SITE_PACKAGES             for a server, which also has the command line
python prune.py SITE_PACKAGES --function  for Lambda, which has neither a server nor a command line
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_SERVICES = frozenset({"dynamodb", "kms", "s3", "sqs", "sso", "sso-oidc", "sts"})
"""The botocore services that are called, or that credentials may come from."""

_NEVER = (
    "_yaml",  # a YAML parser in C, unused
    "yaml/_yaml*",
    "faker",
    "offapi/scalar*",
    "polyfactory",
    "zstandard/_cffi*",  # a second binding, for other interpreters
)
_NOT_IN_A_FUNCTION = (
    "_cffi_backend*",
    "aiosqlite",
    "bin",
    "cffi",
    "click",
    "cryptography",  # functions use KMS
    "h11",
    "httpcore",
    "httptools",
    "httpx",
    "markdown_it",
    "mdurl",
    "pycparser",
    "pygments",
    "rich",
    "rich_click",
    "uvicorn",
    "uvloop",
)


def prune(packages: Path, *, function: bool) -> None:
    """Remove unneeded files from the directory `packages`; with `function`, those that Lambda does not need."""
    for path in list(_unneeded(packages, _NEVER + (_NOT_IN_A_FUNCTION if function else ()))):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # its directory may be gone


def _unneeded(packages: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    for pattern in patterns:
        yield from packages.glob(pattern)
    for service in packages.glob("botocore/data/*/"):
        if service.name not in _SERVICES:
            yield service
    # Type stubs are for checkers, C sources and their headers for compilers.
    for suffix in ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.h"):
        yield from packages.rglob(suffix)


if __name__ == "__main__":
    prune(Path(sys.argv[1]), function="--function" in sys.argv[2:])
