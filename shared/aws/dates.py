"""Shows a `ServiceTime` the `Date` of each answer to a client."""

from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from shared.clock import Clock
from shared.service_time import Reading, ServiceTime

_SENT = "triggers_sent_ms"  # in the context that botocore's events of one call share


class Dates:
    """Compares the clock of this process with the answers that its clients receive."""

    def __init__(self, service_time: ServiceTime, clock: Clock) -> None:
        self._service_time = service_time
        self._clock = clock

    def watch(self, client: Any) -> None:  # noqa: ANN401 (its type is a development dependency)
        """Observe all calls of a botocore client."""
        client.meta.events.register("before-call", self._before_call)
        client.meta.events.register("after-call", self._after_call)

    def sending(self, context: dict[str, Any]) -> None:
        """Record that the call of `context` is sent now."""
        context[_SENT] = self._clock.monotonic_ms()

    def _before_call(self, context: dict[str, Any], **_: object) -> None:
        self.sending(context)

    def _after_call(self, http_response: Any, context: dict[str, Any], **_: object) -> None:  # noqa: ANN401
        received = Reading.of(self._clock)
        date_ms = _milliseconds(http_response.headers.get("date", ""))
        if date_ms is not None and _SENT in context:
            self._service_time.observe(date_ms, context[_SENT], received)


@lru_cache(maxsize=4)  # the calls of one second have the same date
def _milliseconds(date: str) -> int | None:
    """Parse an HTTP date; None if it is missing or malformed."""
    try:
        return int(parsedate_to_datetime(date).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
