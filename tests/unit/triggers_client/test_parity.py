"""`Client` and `AsyncClient`, and their leases, do the same."""

import inspect
import re
from collections.abc import Callable

import pytest
from triggers_client import AsyncClient, AsyncLease, Client, Lease

_ASYNC_NAMES = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
_PAIRS = [(Client, AsyncClient), (Lease, AsyncLease)]


def methods_of(cls: type) -> dict[str, Callable[..., object]]:
    """Return the public methods of a class and those of its context, by the names of the synchronous ones."""
    found = {_ASYNC_NAMES.get(name, name): getattr(cls, name) for name in dir(cls)}
    return {
        name: method
        for name, method in found.items()
        if callable(method) and (not name.startswith("_") or name in _ASYNC_NAMES.values())
    }


def signature_of(method: Callable[..., object]) -> str:
    """Return the signature in the types of the synchronous client."""
    return re.sub(r"Async(?=Client|Lease|Iterator)", "", str(inspect.signature(method)).replace("async_", ""))


@pytest.mark.parametrize(("sync", "asynchronous"), _PAIRS)
def test_both_have_the_same_methods_with_the_same_signatures(sync: type, asynchronous: type) -> None:
    ours, theirs = methods_of(sync), methods_of(asynchronous)
    assert {name: signature_of(one) for name, one in ours.items()} == {
        name: signature_of(one) for name, one in theirs.items()
    }
    assert all(one.__doc__ for name, one in ours.items() if not name.startswith("_"))


@pytest.mark.parametrize(("sync", "asynchronous"), _PAIRS)
def test_what_does_io_is_awaited_or_iterated_asynchronously(sync: type, asynchronous: type) -> None:
    awaited = {
        name
        for name, method in methods_of(asynchronous).items()
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
    }
    # What is shared does no I/O: the same function.
    shared = {name for name, one in methods_of(sync).items() if one is methods_of(asynchronous)[name]}
    assert methods_of(asynchronous).keys() - awaited - shared <= {"from_environment"}
    assert awaited


def test_the_constructors_differ_in_what_does_io_alone() -> None:
    ours, theirs = (inspect.signature(cls).parameters for cls in (Client, AsyncClient))
    assert list(ours) == list(theirs)
    assert {name for name in ours if ours[name] != theirs[name]} == {"transport", "sleep"}
