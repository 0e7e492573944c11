"""A request to a source's URL, independent of the web framework."""

from collections.abc import Sequence
from functools import cached_property
from urllib.parse import parse_qsl

_MAX_FIELDS = 1000


class Webhook:
    """One request. `url` is the full URL that the sender used; `headers` are as received, with names in lower case."""

    def __init__(
        self,
        body: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
        *,
        url: str = "",
        method: str = "POST",
    ) -> None:
        self.body = body
        self.headers = headers
        self.url = url
        self.method = method
        self._texts: dict[str, str] | None = None

    def __repr__(self) -> str:
        """Omit the body, the headers and the URL, which may contain secrets."""
        return f"<Webhook {self.method}, {len(self.body)} bytes>"

    def header(self, name: str) -> str | None:
        """Return the header `name` (in lower case), None if it was not sent; repeated ones are joined with commas."""
        # Not a cached_property, whose lock costs as much as half of the headers.
        if self._texts is None:
            self._texts = _texts_of(self.headers)
        return self._texts.get(name)

    @property
    def content_type(self) -> str:
        """The Content-Type, empty if none was sent."""
        return self.header("content-type") or ""

    @cached_property
    def is_form(self) -> bool:
        """Whether the body is declared as a form."""
        return self.content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        """The fields of a form in order; none if the body is not a form or has more than 1,000 fields."""
        if not self.is_form:
            return []
        try:
            # Bytes that are not UTF-8 are kept, so that signatures of them can be verified.
            return parse_qsl(
                self.body.decode("utf-8", "surrogateescape"),
                keep_blank_values=True,
                errors="surrogateescape",
                max_num_fields=_MAX_FIELDS,
            )
        except ValueError:
            return []

    def signed_with(self, headers: dict[str, str], *, url: str | None = None) -> "Webhook":
        """Return this request with additional `headers`."""
        added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        return Webhook(self.body, [*self.headers, *added], url=url or self.url, method=self.method)


def _texts_of(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), text_of(raw_value)
        texts[name] = f"{texts[name]},{value}" if name in texts else value
    return texts


def text_of(value: bytes) -> str:
    """Return a header's value as text: UTF-8 if valid, otherwise Latin-1."""
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()
