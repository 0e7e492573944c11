"""The type of options that take a duration, such as `90d`."""

import re
from typing import Any

import click

_SPANS = "1h", "24h", "7d", "30d", "90d", "52w"
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class TimeSpan(click.ParamType[int]):
    """A duration such as `90d`, converted to milliseconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """Return `value` in milliseconds."""
        match = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", str(value))
        if not match:
            self.fail(f"{value!r} is no span such as 30m, 12h, 90d or 52w.", param, ctx)
        return int(match[1]) * _SECONDS[match[2]] * 1000


def complete_span(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return spans for a shell to complete."""
    return [span for span in _SPANS if span.startswith(incomplete)]
