"""How many files, and so connections, this process may have open."""

from contextlib import suppress


def raise_limit() -> int | None:
    """Raise the soft limit to the hard one, and return it; None where there is none (Windows)."""
    try:
        import resource  # noqa: PLC0415 - not everywhere
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in (resource.RLIM_INFINITY, hard):
        with suppress(ValueError, OSError):  # macOS caps it below what it reports
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return None if soft == resource.RLIM_INFINITY else soft
