"""A function that tries calls with its role, and returns which were allowed."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import get_session

_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


def handler(event: Mapping[str, Any], _context: object) -> dict[str, bool]:
    """Return for each call in `event`, by name, whether it was allowed; raise on any other error."""
    return {name: _allowed(*call) for name, call in event.items()}


def _allowed(service: str, method: str, arguments: Mapping[str, Any]) -> bool:
    try:
        getattr(get_session().create_client(service), method)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DENIED:
            raise
        return False
    return True
