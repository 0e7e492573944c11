"""The options of `triggers sources create` for schemes and rules."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from shared.model.source_rules import Rules
from shared.model.source_scheme import SchemeOptions

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--header", help="Schemes hmac and header: header with the signature or the shared secret."),
    click.option("--prefix", help="Schemes hmac and header: text before it, such as 'sha256='."),
    click.option(
        "--algorithm",
        type=click.Choice(("sha1", "sha256", "sha512")),
        help="Scheme hmac: hash function.  [default: sha256]",
    ),
    click.option(
        "--encoding",
        type=click.Choice(("hex", "base64")),
        help="Scheme hmac: encoding of the signature.  [default: hex]",
    ),
    click.option(
        "--signed", help="Scheme hmac: signed text, with {body}, {timestamp}, {url}, {method}.  [default: {body}]"
    ),
    click.option("--timestamp-header", help="Scheme hmac: header with the {timestamp}."),
)
_RULES = (
    click.option(
        "--type",
        "type_",
        multiple=True,
        help="Rule for the type: header:NAME, json:/POINTER, form:FIELD or"
        " constant:TEXT; may be repeated, the first match applies.  [default: the scheme's]",
    ),
    click.option("--type-prefix", help="Text before the type, such as 'stripe.'."),
    click.option("--id", "id_", multiple=True, help="Rule for the id; also digest:body, the SHA-256 of the body."),
    click.option("--subject", multiple=True, help="Rule for the subject."),
    click.option("--time", "time_", multiple=True, help="Rule for the time."),
)


def scheme_options(command: _F) -> _F:
    """Add the options for schemes and rules to a command."""
    for option in reversed((*_OPTIONS, *_RULES)):
        command = option(command)
    return command


def options_of(given: Mapping[str, Any]) -> SchemeOptions:
    """Return the scheme's options from the arguments of a command."""
    names = SchemeOptions.__struct_fields__
    return SchemeOptions(**{name: given[name] for name in names if given.get(name) is not None})


def rules_of(given: Mapping[str, Any]) -> Rules:
    """Return the rules from the arguments of a command."""
    return Rules(
        type=given["type_"],
        type_prefix=given["type_prefix"] or "",
        id=given["id_"],
        subject=given["subject"],
        time=given["time_"],
    )
