"""The signature schemes of sources: their names and options."""

import re
from typing import Literal

import msgspec
from msgspec.structs import replace

from shared.model.errors import Fault

SchemeName = Literal[
    "stripe", "github", "gitlab", "shopify", "slack", "twilio", "standard", "hmac", "header", "basic", "none"
]
SCHEMES: tuple[SchemeName, ...] = SchemeName.__args__  # type: ignore[attr-defined] # the names in the Literal

HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
"""The name of a header."""

_PLACEHOLDER = re.compile(r"\{([a-z]*)\}")
_PLACEHOLDERS = ("body", "timestamp", "url", "method")


class SchemeOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options of the schemes `hmac` and `header`. All other schemes have none.

    `header` contains the signature or the shared secret, after `prefix`. `signed` is the signed text, with the
    placeholders {body}, {timestamp} (the value of `timestamp_header`), {url} and {method}.
    """

    header: str | None = None
    prefix: str = ""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    signed: str = "{body}"
    timestamp_header: str | None = None


def scheme_faults(scheme: str, options: SchemeOptions) -> list[Fault]:
    """Return every fault of a scheme's name and options."""
    if scheme not in SCHEMES:
        return [Fault(detail=f"Unknown scheme {scheme!r}; one of {', '.join(SCHEMES)}.", pointer="/scheme")]
    if scheme == "hmac":
        return [*_option_header_faults(options.header, "/options/header"), *_signed_faults(options)]
    if scheme == "header":
        faults = _option_header_faults(options.header, "/options/header")
        if replace(options, header=None, prefix="") != SchemeOptions():
            faults.append(Fault(detail="The scheme header has only the options header and prefix.", pointer="/options"))
        return faults
    if options != SchemeOptions():
        return [Fault(detail=f"The scheme {scheme} has no options.", pointer="/options")]
    return []


def _signed_faults(options: SchemeOptions) -> list[Fault]:
    pointer = "/options/signed"
    names = _PLACEHOLDER.findall(options.signed)
    faults = [
        Fault(
            detail=f"Unknown placeholder {{{name}}}; one of {', '.join(f'{{{known}}}' for known in _PLACEHOLDERS)}.",
            pointer=pointer,
        )
        for name in names
        if name not in _PLACEHOLDERS
    ]
    if "body" not in names:
        faults.append(
            Fault(
                detail="The signed text must contain {body}; otherwise anyone could change the body.", pointer=pointer
            )
        )
    if "timestamp" in names:
        faults += _option_header_faults(options.timestamp_header, "/options/timestamp_header")
    elif options.timestamp_header is not None:
        faults.append(Fault(detail="A timestamp header requires {timestamp} in the signed text.", pointer=pointer))
    return faults


def _option_header_faults(header: str | None, pointer: str) -> list[Fault]:
    if header is not None and HEADER.fullmatch(header):
        return []
    return [Fault(detail="This scheme requires the name of a header.", pointer=pointer)]
