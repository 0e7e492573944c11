"""The size of a run."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_Count = Annotated[int, Meta(ge=0)]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Load, kills and limits of one run.

    `outstanding` bounds the accepted events that the steady follower has not seen yet: the emulator is slow, and
    slows down further with its backlog. A machine kill is a SIGKILL of all processes at once.
    """

    events: Annotated[int, Meta(ge=1)] = 20_000
    burst: _Count = 100
    producers: Annotated[int, Meta(ge=1)] = 8
    outstanding: Annotated[int, Meta(ge=1)] = 500
    workers: Annotated[int, Meta(ge=1)] = 2
    worker_kills: _Count = 24
    ingest_kills: _Count = 6
    emulator_stops: _Count = 1
    machine_kills: _Count = 0
    members: _Count = 6
    member_kills: _Count = 60
    groups_kills: _Count = 6
    backend: Literal["emulator", "sqlite"] = "emulator"
    deadline_seconds: Annotated[int, Meta(ge=1)] = 2_400
    seed: int = 0
