"""Content negotiation (RFC 9110): media types (`Accept`) and encodings (`Accept-Encoding`)."""

from collections.abc import Sequence

ENCODINGS = ("zstd", "gzip")
"""Supported encodings, the cheapest first."""


def media_type(accept: str, offers: Sequence[str]) -> str | None:
    """Return which of `offers` the client prefers; None if it accepts none.

    Of those with the same weight, a type that the client names precedes one that a wildcard covers; then order decides.
    """
    ranges = _weighed(accept)
    if not ranges:
        return offers[0]
    weights = {offer: _weight(offer, ranges) for offer in offers}
    best = max(offers, key=weights.__getitem__)
    return best if weights[best][0] > 0 else None


def encoding(accept_encoding: str) -> str | None:
    """Return which of `ENCODINGS` the client prefers; None for no encoding."""
    weights = dict(_weighed(accept_encoding))
    others = weights.get("*", 0.0)
    best = max(ENCODINGS, key=lambda name: weights.get(name, others))
    return best if weights.get(best, others) > 0 else None


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return the weight of the most specific range that covers `offer`, and its specificity."""
    covering = {offer: 2, f"{offer.partition('/')[0]}/*": 1, "*/*": 0}
    found = [(covering[name], weight) for name, weight in ranges if name in covering]
    specific, weight = max(found, default=(0, 0.0))
    return weight, specific


def _weighed(header: str) -> list[tuple[str, float]]:
    """Return the elements of `header` with their weights; parameters other than `q` are ignored."""
    found = []
    for element in header.split(","):
        name, *parameters = (part.strip().lower() for part in element.split(";"))
        if name:
            found.append((name, min(map(_quality, parameters), default=1.0)))
    return found


def _quality(parameter: str) -> float:
    """Return the weight in `parameter`; 1 if it is not a weight, or an invalid one."""
    name, _, value = parameter.partition("=")
    try:
        weight = float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 1.0
    return weight if 0 <= weight <= 1 else 1.0
