"""A function that tries one call after another with the role it is given, and tells which it was allowed."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import get_session

_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


def handler(event: Mapping[str, Any], _context: object) -> dict[str, bool]:
    """Return, by the name of each of `event`'s calls, whether it was allowed; any other failure is raised."""
    return {name: _allowed(*call) for name, call in event.items()}


def _allowed(service: str, method: str, arguments: Mapping[str, Any]) -> bool:
    try:
        getattr(get_session().create_client(service), method)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DENIED:
            raise
        return False
    return True
