"""Reads the type, id, subject and time of a delivery, as a source's rules specify."""

import hashlib
from collections.abc import Callable, Sequence

from ingest.sources import limits
from ingest.sources.content import Content
from ingest.sources.webhook import Webhook
from shared.model.source_rules import Rules, split

Read = Callable[[Webhook, Content], str | None]

DEFAULT_TYPE = "webhook"
"""The type of a delivery in which the rules find none."""


class Extraction:
    """The rules of a source, compiled once for all its deliveries."""

    def __init__(self, rules: Rules) -> None:
        self._prefix = rules.type_prefix
        self._type = _first(rules.type)
        self._suffix = _first(rules.type_suffix)
        self._id = _first((*rules.id, "digest:body"))
        self._subject = _first(rules.subject)
        self._time = _first(rules.time)

    def type_of(self, webhook: Webhook, content: Content) -> str:
        """Return the type, `webhook` if none is found."""
        found = self._type(webhook, content) or DEFAULT_TYPE
        suffix = self._suffix(webhook, content)
        return limits.text(f"{self._prefix}{found}.{suffix}" if suffix else f"{self._prefix}{found}")

    def id_of(self, webhook: Webhook, content: Content) -> str:
        """Return the id; the body's SHA-256 if none is found."""
        return limits.unique_text(self._id(webhook, content) or "")

    def subject_of(self, webhook: Webhook, content: Content) -> str | None:
        """Return the subject, None if none is found."""
        found = self._subject(webhook, content)
        return limits.text(found) if found else None

    def time_of(self, webhook: Webhook, content: Content) -> str | None:
        """Return the time, None if none is found or the value is not a time."""
        found = self._time(webhook, content)
        return limits.time(found) if found else None


def _first(rules: Sequence[str]) -> Read:
    """Return a function that returns the value of the first rule that has one."""
    reads = [_read_of(rule) for rule in rules]

    def read(webhook: Webhook, content: Content) -> str | None:
        for each in reads:
            if found := each(webhook, content):
                return found
        return None

    return read


def _read_of(rule: str) -> Read:
    kind, argument = split(rule)
    match kind:
        case "header":
            name = argument.lower()
            return lambda webhook, _: webhook.header(name)
        case "json":
            return lambda _, content: content.value_at(argument)
        case "form":
            return lambda webhook, _: next((value for name, value in webhook.form if name == argument), None)
        case "constant":
            return lambda _, __: argument
        case _:
            return lambda webhook, _: hashlib.sha256(webhook.body).hexdigest()
