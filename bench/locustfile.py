"""Load against any deployment, by Locust.

    TRIGGERS_API_KEY=trg_... .venv-bench/bin/locust -f bench/locustfile.py --host https://...

Producers post single events and batches of 100; consumers follow the inbox by cursor. A 429 or 503 is not counted
as a failure but under a separate name, and its Retry-After is obeyed.
"""

import os
from typing import Any

import gevent
from locust import HttpUser, between, constant_throughput, task

from bench import payloads

_BUSY = (429, 503)
_EVENTS = payloads.events(2000)
_HEADERS = {"Authorization": f"Bearer {os.environ.get('TRIGGERS_API_KEY', '')}", "Content-Type": "application/json"}


class Producer(HttpUser):
    """Posts ten requests a second, one in ten of them a batch."""

    weight = 5
    wait_time = constant_throughput(10)
    _sent = 0

    @task(9)
    def post_one(self) -> None:
        """Post one event."""
        self._post(self._next(1)[0], "POST one event")

    @task(1)
    def post_batch(self) -> None:
        """Post 100 events."""
        self._post(payloads.batch(self._next(100)), "POST 100 events")

    def _next(self, count: int) -> list[bytes]:
        start = self._sent % (len(_EVENTS) - count)
        self._sent += count
        return _EVENTS[start : start + count]

    def _post(self, body: bytes, name: str) -> None:
        with self.client.post("/v1/events", data=body, headers=_HEADERS, name=name, catch_response=True) as answer:
            _judge(answer, 202)


class Consumer(HttpUser):
    """Follows the inbox."""

    weight = 1
    wait_time = between(0.5, 1.5)
    _cursor: str | None = None

    @task
    def read(self) -> None:
        """Read the next page."""
        params = {"limit": "100"} | ({"after": self._cursor} if self._cursor else {})
        with self.client.get(
            "/v1/inbox", params=params, headers=_HEADERS, name="GET inbox", catch_response=True
        ) as answer:
            if _judge(answer, 200):
                self._cursor = answer.json()["next"]


def _judge(answer: Any, expected: int) -> bool:  # noqa: ANN401 (Locust's response context)
    if answer.status_code in _BUSY:
        answer.request_meta["name"] += f" -> {answer.status_code}"
        answer.success()
        gevent.sleep(float(answer.headers.get("Retry-After", "1")))
        return False
    if answer.status_code != expected:
        answer.failure(f"answered {answer.status_code}")
        return False
    answer.success()
    return True
