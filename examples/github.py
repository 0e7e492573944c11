"""Receives webhooks from GitHub and forwards them as events: `python examples/github.py 9000`.

In the repository's settings, set the webhook's content type to application/json and its secret to the
value of GITHUB_WEBHOOK_SECRET. TRIGGERS_URL and TRIGGERS_API_KEY specify the API and the key. Run it
behind a proxy that terminates HTTPS and limits connections.

A delivery that GitHub repeats keeps its X-GitHub-Delivery, which becomes the event's id, so it is listed once. GitHub
does not automatically redeliver a webhook that failed: redeliver it in the settings or through GitHub's API.
"""

import hashlib
import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from triggers_client import Client, Refused, TooLarge, Unavailable

MAX_BYTES = 25 * 1024 * 1024  # GitHub's limit


class BadDelivery(Exception):
    """The request is not a webhook from GitHub."""


def is_signed(body: bytes, signature: str, secret: bytes) -> bool:
    """Return whether `signature`, from X-Hub-Signature-256, is valid for `body` and `secret`."""
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    # In constant time, so that the duration does not reveal how much of a guess is correct.
    return hmac.compare_digest(expected.encode(), signature.encode())


def event_of(body: bytes, name: str, delivery: str) -> bytes:
    """Return an event that contains `body` byte for byte; raise `BadDelivery` if that is not JSON."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise BadDelivery("The payload is not JSON.") from None
    if not name or not delivery:
        raise BadDelivery("X-GitHub-Event or X-GitHub-Delivery is missing.")
    fields = json.dumps({"type": f"github.{name}", "id": delivery, "source": "https://github.com"})
    return fields[:-1].encode() + b',"data":' + body + b"}"


class Handler(BaseHTTPRequestHandler):
    """Answers 202 once the event is safe in the queue."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    client: Client
    secret: bytes

    def do_POST(self) -> None:
        """Handle one delivery."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BYTES:
            self.close_connection = True  # the body has not been read
            return self._answer(413, "Content-Length is missing or too large.")
        body = self.rfile.read(int(length))
        if not is_signed(body, self.headers.get("X-Hub-Signature-256", ""), self.secret):
            return self._answer(401, "The signature is missing or wrong.")
        return self._answer(*self._forward(body))

    def _forward(self, body: bytes) -> tuple[int, str]:
        name, delivery = self.headers.get("X-GitHub-Event", ""), self.headers.get("X-GitHub-Delivery", "")
        try:
            self.client.send([event_of(body, name, delivery)])
        except BadDelivery as error:
            return 400, str(error)
        except TooLarge:
            return 413, "An event is limited to 512 KiB."
        except Unavailable:
            return 503, "Redeliver it later."
        except Refused as error:
            self.log_error("%s", error)  # the key or the configuration is wrong; the details are not for GitHub
            return 500, "The event was not accepted."
        return 202, "Accepted."

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve on the port given on the command line."""
    Handler.secret = os.environ["GITHUB_WEBHOOK_SECRET"].encode()
    # GitHub waits ten seconds for an answer, so try twice only.
    with Client.from_environment(attempts=2) as Handler.client:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
