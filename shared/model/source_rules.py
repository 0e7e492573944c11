"""Rules for the type, id, subject and time of the events of a source.

A rule is one of these:

    header:X-GitHub-Event   a header of the request
    json:/action            a value in a JSON body, by JSON pointer (RFC 6901)
    form:MessageSid         a form field
    constant:invoice.paid   this text
    digest:body             the SHA-256 of the body, in hex
"""

import re
from collections.abc import Iterator

import msgspec

from shared.model.errors import Fault

MAX_RULES = 10
"""Per attribute."""
MAX_RULE_LENGTH = 255

KINDS = ("header", "json", "form", "constant", "digest")

_ARGUMENT = {
    "header": re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"),
    "json": re.compile(r"(?:/(?:[^/~]|~[01])*)*"),
    "form": re.compile(r".+", re.DOTALL),
    "constant": re.compile(r".+", re.DOTALL),
    "digest": re.compile(r"body"),
}


class Rules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rules of each attribute, in order: the first that finds a value applies.

    Without rules, those of the scheme apply. A type consists of `type_prefix`, the value of `type` and, if
    `type_suffix` finds a value, a dot and that value.
    """

    type: tuple[str, ...] = ()
    type_prefix: str = ""
    type_suffix: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    time: tuple[str, ...] = ()


def split(rule: str) -> tuple[str, str]:
    """Return the kind and the argument of a valid rule."""
    kind, _, argument = rule.partition(":")
    return kind, argument


def rule_faults(rules: Rules) -> Iterator[Fault]:
    """Yield every fault of `rules`."""
    for name in ("type", "type_suffix", "id", "subject", "time"):
        given: tuple[str, ...] = getattr(rules, name)
        if len(given) > MAX_RULES:
            yield Fault(detail=f"`{name}` has at most {MAX_RULES} rules.", pointer=f"/rules/{name}")
        for index, rule in enumerate(given):
            if fault := _fault_of(rule):
                yield Fault(detail=fault, pointer=f"/rules/{name}/{index}")
    if len(rules.type_prefix) > MAX_RULE_LENGTH or not rules.type_prefix.isprintable():
        yield Fault(detail="A prefix has at most 255 printable characters.", pointer="/rules/type_prefix")


def _fault_of(rule: str) -> str | None:
    kind, argument = split(rule)
    if kind not in KINDS:
        return f"A rule must start with one of {', '.join(f'{kind}:' for kind in KINDS)}."
    if len(rule) > MAX_RULE_LENGTH:
        return f"A rule has at most {MAX_RULE_LENGTH} characters."
    if not _ARGUMENT[kind].fullmatch(argument):
        return {"json": "A JSON pointer starts with a slash, and has ~0 instead of ~ and ~1 instead of /."}.get(
            kind, f"The value after {kind}: is invalid."
        )
    return None
