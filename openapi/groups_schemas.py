"""OpenAPI schemas and examples of consumer groups."""

from collections.abc import Mapping
from typing import Any

from openapi.describing import ALWAYS_TRUE, ref
from openapi.inbox_schemas import EVENT
from shared.model import cursor
from shared.model.event import DEFAULT_INBOX, INBOX_PATTERN
from shared.model.groups import GroupConfig, GroupName
from shared.model.position import PATTERN
from worker.groups import token
from worker.groups.requests import (
    DEFAULT_SECONDS,
    MAX_ATTEMPTS,
    MAX_DELAY_SECONDS,
    MAX_REASON_LENGTH,
    MAX_SECONDS,
    MAX_TYPE_LENGTH,
    MAX_TYPES,
)
from worker.reading.limits import DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT_SECONDS

_LEASE = token.encode(token.LeaseName(GroupName("", DEFAULT_INBOX, "billing"), "rXLpeMyhLM8z"))
_UNTIL = "2026-11-22T17:08:11.042Z"

LEASE: Mapping[str, Any] = {"lease": _LEASE, "until": _UNTIL, "attempt": 1, "events": [EVENT], "more": True}
ACK: Mapping[str, Any] = {"done": 97, "left": 3}
GROUP: Mapping[str, Any] = {
    "group": "billing",
    "inbox": DEFAULT_INBOX,
    "types": ["order.*"],
    "max_attempts": GroupConfig().max_attempts,
    "backoff": {"min": GroupConfig().backoff_min_seconds, "max": GroupConfig().backoff_max_seconds},
    "next": cursor.encode(EVENT["position"], DEFAULT_INBOX),
    "lag": 17,
    "oldest": EVENT["receivedat"],
    "leases": 2,
    "leased": 103,
    "retries": 1,
    "quarantined": 0,
}
QUARANTINE: Mapping[str, Any] = {
    "events": [
        {
            "position": EVENT["position"],
            "attempts": 5,
            "quarantinedat": _UNTIL,
            "reason": "no such account",
            "event": EVENT,
        }
    ],
    "more": False,
}


def _object(description: str, properties: Mapping[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _request(description: str, properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def _number(least: int, most: int, default: int, description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default, "description": description}


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": description}


def _many(description: str) -> dict[str, Any]:
    kinds = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+\\+$"}]
    return {"oneOf": kinds, "description": f"{description} `N+` means at least N."}


def _time(description: str) -> dict[str, Any]:
    return {"type": "string", "format": "date-time", "description": description}


_NAME = {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$"}
_POSITIONS = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_LIMIT,
    "items": {"type": "string", "pattern": PATTERN},
    "description": "The positions of events; without it, all.",
}
_START = {
    "anyOf": [{"enum": ["oldest", "newest"]}, {"type": "string", "format": "date-time"}],
    "default": "oldest",
    "description": "Where a new group begins: `oldest`, `newest`, or a time.",
}
_DELAY = {"type": "integer", "minimum": 0, "maximum": MAX_DELAY_SECONDS}
_BACKOFF = {
    **_request(
        "How long a released event waits, in seconds: `min` after its first attempt, twice as long after each further"
        " one, at most `max`.",
        {
            "min": {**_DELAY, "default": GroupConfig().backoff_min_seconds},
            "max": {**_DELAY, "default": GroupConfig().backoff_max_seconds},
        },
    ),
}
_TYPES = {
    "type": "array",
    "maxItems": MAX_TYPES,
    "items": {"type": "string", "minLength": 1, "maxLength": MAX_TYPE_LENGTH},
    "description": "The event types of the group; `order.*` for all that begin with `order.`. Empty: all.",
}
_ATTEMPTS = _number(1, MAX_ATTEMPTS, GroupConfig().max_attempts, "Attempts before an event goes into quarantine.")

SCHEMAS: Mapping[str, Any] = {
    "LeaseRequest": _request(
        "What to lease.",
        {
            "group": _NAME,
            "inbox": {**_NAME, "default": DEFAULT_INBOX},
            "limit": _number(1, MAX_LIMIT, DEFAULT_LIMIT, "Maximum number of events."),
            "seconds": _number(1, MAX_SECONDS, DEFAULT_SECONDS, "How long the lease lasts."),
            "wait": _number(0, MAX_WAIT_SECONDS, 0, "Longest wait for an event, in seconds."),
            "start": _START,
        },
        "group",
    ),
    "Lease": _object(
        "Events of a group that are the caller's until `until`.",
        {
            "lease": {"type": ["string", "null"], "description": "The lease; null if there are no events."},
            "until": _time("When the lease runs out. Absent without a lease."),
            "attempt": _count("How many times these events were leased, counting this lease. Absent without a lease."),
            "events": {"type": "array", "items": ref("InboxEvent"), "maxItems": MAX_LIMIT},
            "more": {"type": "boolean", "description": "Whether there may be more events to lease already."},
        },
        optional=("until", "attempt"),
    ),
    "AckRequest": _request(
        "Which events are done.",
        {
            "positions": _POSITIONS,
            "remove": {"type": "boolean", "default": False, "description": "Also remove the events from the inbox."},
        },
    ),
    "Acked": _object(
        "The result of an ack.", {"done": _count("Events that are now done."), "left": _count("Events still leased.")}
    ),
    "ExtendRequest": _request(
        "For how long.", {"seconds": _number(1, MAX_SECONDS, DEFAULT_SECONDS, "How long the lease lasts from now.")}
    ),
    "Extended": _object("The result of an extension.", {"until": _time("When the lease runs out.")}),
    "ReleaseRequest": _request(
        "Which events to give back.",
        {
            "positions": _POSITIONS,
            "delay": {**_DELAY, "description": "Seconds until they can be leased; without it, the group's backoff."},
            "reason": {
                "type": "string",
                "maxLength": MAX_REASON_LENGTH,
                "description": "Why; shown in quarantine.",
            },
        },
    ),
    "Released": _object("The result of a release.", {"released": _count("Events that were released.")}),
    "GroupRequest": _request(
        "The configuration of a group.",
        {"types": _TYPES, "max_attempts": _ATTEMPTS, "backoff": _BACKOFF, "start": _START},
    ),
    "Group": _object(
        "A group.",
        {
            "group": _NAME,
            "inbox": _NAME,
            "types": _TYPES,
            "max_attempts": _ATTEMPTS,
            "backoff": _BACKOFF,
            "next": {"type": "string", "description": "The cursor up to which events were leased."},
            "lag": _many("Events that no member was given yet."),
            "oldest": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When the oldest event was stored that is not done; null if all are.",
            },
            "leases": _count("Open leases."),
            "leased": _count("Events in open leases."),
            "retries": _many("Events that are to be leased again."),
            "quarantined": _many("Events in quarantine."),
        },
    ),
    "Groups": _object("The groups of an inbox.", {"groups": {"type": "array", "items": ref("Group")}}),
    "SeekRequest": {
        **_request(
            "Where the group begins: one of these.",
            {
                "since": _time("At events stored at this time or later."),
                "after": {"type": "string", "format": "cursor", "description": "After a cursor of the inbox."},
                "start": {**ALWAYS_TRUE, "description": "At the oldest event."},
                "end": {**ALWAYS_TRUE, "description": "After all events that can be read now."},
            },
        ),
        "minProperties": 1,
        "maxProperties": 1,
    },
    "QuarantinedEvent": _object(
        "An event in quarantine.",
        {
            "position": {"type": "string", "pattern": PATTERN},
            "attempts": _count("How many times it was leased."),
            "quarantinedat": _time("When it was put into quarantine."),
            "reason": {"type": "string", "description": "The reason of its last release."},
            "event": {"oneOf": [ref("InboxEvent"), {"type": "null"}], "description": "Null if it has left the inbox."},
        },
    ),
    "Quarantine": _object(
        "A part of a quarantine.",
        {
            "events": {"type": "array", "items": ref("QuarantinedEvent"), "maxItems": MAX_LIMIT},
            "more": {"type": "boolean", "description": "Whether there are more after the last position."},
        },
    ),
    "QuarantineRequest": _request("Which events to release.", {"positions": _POSITIONS}),
}
