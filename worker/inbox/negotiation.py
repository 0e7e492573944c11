"""What a client accepts: media types (`Accept`) and encodings (`Accept-Encoding`), as RFC 9110 weighs them."""

from collections.abc import Sequence

ENCODINGS = ("zstd", "gzip")
"""Encodings we answer in, the cheapest first."""


def media_type(accept: str, offers: Sequence[str]) -> str | None:
    """Return which of `offers` the client likes best, None if it takes none.

    Among those that it likes the same, one that it names comes before one that a wildcard covers; then the first.
    """
    ranges = _weighed(accept)
    if not ranges:
        return offers[0]
    weights = {offer: _weight(offer, ranges) for offer in offers}
    best = max(offers, key=weights.__getitem__)
    return best if weights[best][0] > 0 else None


def encoding(accept_encoding: str) -> str | None:
    """Return which of `ENCODINGS` the client likes best, None to encode nothing."""
    weights = dict(_weighed(accept_encoding))
    others = weights.get("*", 0.0)
    best = max(ENCODINGS, key=lambda name: weights.get(name, others))
    return best if weights.get(best, others) > 0 else None


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return the weight of the most specific range that covers `offer`, and how specific that is."""
    covering = {offer: 2, f"{offer.partition('/')[0]}/*": 1, "*/*": 0}
    found = [(covering[name], weight) for name, weight in ranges if name in covering]
    specific, weight = max(found, default=(0, 0.0))
    return weight, specific


def _weighed(header: str) -> list[tuple[str, float]]:
    """Return the elements of `header`, each with its weight; parameters other than `q` are passed over."""
    found = []
    for element in header.split(","):
        name, *parameters = (part.strip().lower() for part in element.split(";"))
        if name:
            found.append((name, min(map(_quality, parameters), default=1.0)))
    return found


def _quality(parameter: str) -> float:
    """Return the weight that `parameter` gives, 1 if it is not a weight or not a sane one."""
    name, _, value = parameter.partition("=")
    try:
        weight = float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 1.0
    return weight if 0 <= weight <= 1 else 1.0
