"""A well-behaved client, as a process of its own: what it measures is the server, not the attacker beside it.

    python tests/edges/good_client.py PORT TOKEN

Posts an event every 10 ms over one connection. Writes a line once it has begun; when it is sent one, and has at least
a second's worth of answers, it writes JSON: `{"p99_ms": ..., "answers": ..., "failures": ...}`.
"""

import http.client
import json
import select
import sys
import time

_EVERY_SECONDS = 0.01
_FEWEST = 100


def main(port: int, token: str) -> None:
    headers = {"content-type": "application/json", "x-api-key": token}
    took: list[float] = []
    failures = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not select.select([sys.stdin], [], [], _EVERY_SECONDS)[0] or len(took) < _FEWEST:
        started = time.perf_counter()
        try:
            connection.request("POST", "/v1/events", b'{"type":"good","data":1}', headers)
            answer = connection.getresponse()
            answer.read()
            failures += answer.status != 202
        except OSError:
            failures += 1
            connection.close()
        took.append(time.perf_counter() - started)
        if len(took) == 1:
            print("begun", flush=True)
    took.sort()
    p99_ms = took[int(len(took) * 0.99)] * 1000
    print(json.dumps({"p99_ms": p99_ms, "answers": len(took), "failures": failures}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
