"""Takes out of an installation what none of our processes ever loads. Stdlib only: the Dockerfile runs it too.

python prune.py SITE_PACKAGES             for a server, which also has the command line
python prune.py SITE_PACKAGES --function  for Lambda, which has neither a server nor a command line
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_SERVICES = frozenset({"dynamodb", "kms", "s3", "sqs", "sso", "sso-oidc", "sts"})
"""Of botocore's: those that are called, and those that credentials may come from."""

_NEVER = (
    "_yaml",  # a parser in C of what we never parse
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
    "cryptography",  # seals secrets where there is no KMS
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
    """Remove what is not needed from the directory `packages`; `function` says that Lambda will run it."""
    for path in list(_unneeded(packages, _NEVER + (_NOT_IN_A_FUNCTION if function else ()))):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # it may have gone with its directory


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
