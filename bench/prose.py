"""Generate names, texts, times and digests for payloads, some beyond ASCII, and emoji."""

import random

_TEXT = """
    account after again amount answer before between branch broken browser button cache change check client commit
    config copy count crash customer daily default delay delete detail differ during editor empty error every example
    export fail field file filter first fix follow format found from handle header history ignore import index input
    install into invoice item keep label large later layout limit list local lock login main manual merge message
    method missing mobile module month name network never number offline older only open option order output page
    parser patch path payment plugin print process profile query queue quote random read record refund release remove
    rename repeat report reset result retry return review round save schema screen search second select send server
    session setting shipping should slow sort source start state stock store stream string style support switch sync
    table test thread time title token total update upload user value version warning when while window with without
    wrong yearly zone Größe café 注文 配送 привет naïve
"""
_WORDS = _TEXT.split()
_FIRST = ("Ada", "Björn", "Chen", "Dana", "Émile", "Fatima", "Hana", "Ivan", "Jun", "Kofi", "Łucja", "Mei", "Søren")
_LAST = ("Abe", "Brandt", "Costa", "Dubois", "Eze", "Fischer", "García", "Haddad", "Ito", "Kowalski", "Nowak", "王")
_EMOJI = ("🚀", "🐛", "✅", "🎉", "👩‍💻")


def words(rng: random.Random, count: int) -> list[str]:
    """Return `count` words."""
    return rng.choices(_WORDS, k=count)


def sentence(rng: random.Random) -> str:
    """Return a sentence of 6 to 14 words; one in eight ends in an emoji."""
    text = " ".join(words(rng, rng.randrange(6, 15))).capitalize() + "."
    return f"{text} {rng.choice(_EMOJI)}" if rng.randrange(8) == 0 else text


def text(rng: random.Random, most: int) -> str:
    """Return a text of up to `most` lines of one to three sentences."""
    lines = [" ".join(sentence(rng) for _ in range(rng.randrange(1, 4))) for _ in range(rng.randrange(1, most + 1))]
    return "\r\n\r\n".join(lines)


def name(rng: random.Random) -> str:
    """Return a person's full name."""
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def handle(rng: random.Random) -> str:
    """Return the name of an account."""
    return f"{rng.choice(_WORDS[:-6])}-{rng.choice(_WORDS[:-6])}{rng.randrange(100)}"


def digest(rng: random.Random) -> str:
    """Return 40 hexadecimal digits, as of a commit."""
    return f"{rng.getrandbits(160):040x}"


def time(rng: random.Random) -> str:
    """Return a time in 2026 as ISO 8601."""
    day, hour, minute, second = (rng.randrange(size) for size in (28, 24, 60, 60))
    return f"2026-{rng.randrange(12) + 1:02}-{day + 1:02}T{hour:02}:{minute:02}:{second:02}Z"


def token(rng: random.Random, prefix: str) -> str:
    """Return an identifier such as `ch_3f...`, with 24 characters after `prefix`."""
    return prefix + "".join(rng.choices("0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", k=24))
