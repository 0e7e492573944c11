"""OpenAPI of consumer groups. Written by hand, like that of the other parts."""

from collections.abc import Mapping
from typing import Any

from openapi.describing import REQUEST_ID, SECURITY, SENT, SLOW_BODY, query, ref, refusals, sent
from openapi.groups_schemas import ACK, GROUP, LEASE, QUARANTINE
from shared.model.api_key import INBOX_ACK
from shared.model.errors import (
    Fault,
    Forbidden,
    InvalidRequest,
    LeaseLost,
    NoSuchGroup,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from shared.model.event import DEFAULT_INBOX, INBOX_PATTERN
from shared.model.position import PATTERN
from worker.groups.body import MAX_BODY_BYTES
from worker.reading.limits import DEFAULT_LIMIT, MAX_LIMIT

_JSON = "application/json"
_NAME = {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$"}
_INBOX = query("inbox", "The inbox of the group.", {**_NAME, "default": DEFAULT_INBOX})
_GROUP = {
    "name": "group",
    "in": "path",
    "required": True,
    "description": "The name of the group.",
    "schema": _NAME,
    "example": "billing",
}
_LEASE = {
    "name": "lease",
    "in": "path",
    "required": True,
    "description": "`lease` of the response that gave the lease.",
    "schema": {"type": "string", "minLength": 1},
    "example": LEASE["lease"],
}

_INVALID = (
    InvalidRequest(
        "The request is invalid. Nothing was changed.",
        [Fault(detail="`limit` must be a whole number from 1 to 1000.", pointer="/limit")],
    ),
    "The request is invalid; nothing was changed.",
)
_FORBIDDEN = (
    Forbidden(f"The API key lacks the scope {INBOX_ACK}."),
    "The key lacks a scope, or may not read all event types of the group.",
)
_NO_GROUP = (NoSuchGroup("billing", DEFAULT_INBOX), "The inbox has no such group.")
_LOST = (LeaseLost(), "The lease has ended; another member may have its events.")
_OF_BODIES = (
    SLOW_BODY,
    (TooLarge(MAX_BODY_BYTES), "The body is larger than 64 KiB."),
    (
        UnsupportedMedia(f"The Content-Type must be {_JSON}.", accepted=[_JSON]),
        "The body is not JSON, or is compressed.",
    ),
)
_UNAVAILABLE = (
    Unavailable("down"),
    "The table does not respond. Retry after the seconds in `Retry-After`.",
)


def _answer(description: str, schema: str, example: object) -> dict[str, Any]:
    headers = SENT | {"Cache-Control": sent("The response must not be cached.", "no-store")}
    return {
        "description": description,
        "headers": headers,
        "content": {_JSON: {"schema": ref(schema), "example": example}},
    }


def _operation(
    name: str,
    summary: str,
    description: str,
    *refused: tuple[Exception, str],
    answer: Mapping[str, Any] | None = None,
    parameters: tuple[Mapping[str, Any], ...] = (),
    body: str | None = None,
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tags": ["groups"],
        "operationId": name,
        "summary": summary,
        "description": description,
        "security": SECURITY,
        "parameters": [*parameters, REQUEST_ID],
        "responses": {
            **({"200": answer} if answer else {"204": {"description": "Done", "headers": SENT}}),
            **refusals(_INVALID, _FORBIDDEN, _UNAVAILABLE, *refused, *(_OF_BODIES if body else ())),
        },
    }
    if body:
        described["requestBody"] = {
            "required": body in ("LeaseRequest", "SeekRequest"),
            "content": {_JSON: {"schema": ref(body)}},
        }
    return described


_BOTH = " Requires the scopes `inbox:read` and `inbox:ack`; costs 1 of the key's rate."
_READS = " Requires the scope `inbox:read`; costs 1 of the key's rate."
_OF_GROUP = (_GROUP, _INBOX)

PATHS: Mapping[str, Any] = {
    "/v1/leases": {
        "post": _operation(
            "leaseEvents",
            "Lease events",
            "Gives the caller events of a group, which no other member gets until the lease runs out. Creates the group"
            " if it does not exist. `lease` is null if there are no events. A group has up to 500 open leases; beyond"
            " that, the answer is a 429 `too-many-leases`." + _BOTH,
            answer=_answer("A lease, or none", "Lease", LEASE),
            body="LeaseRequest",
        )
    },
    "/v1/leases/{lease}/ack": {
        "post": _operation(
            "ackLease",
            "Ack events of a lease",
            "Ends events for the group: those at `positions`, or all that are left. With `remove`, they also leave the"
            " inbox, and each costs 1 of the key's rate. May be repeated; counts until another member has the lease."
            + _BOTH,
            _NO_GROUP,
            _LOST,
            answer=_answer("How many events are done, and how many are left", "Acked", ACK),
            parameters=(_LEASE,),
            body="AckRequest",
        )
    },
    "/v1/leases/{lease}/extend": {
        "post": _operation(
            "extendLease",
            "Extend a lease",
            "Makes a lease last for `seconds` from now." + _BOTH,
            _NO_GROUP,
            _LOST,
            answer=_answer("When the lease runs out", "Extended", {"until": LEASE["until"]}),
            parameters=(_LEASE,),
            body="ExtendRequest",
        )
    },
    "/v1/leases/{lease}/release": {
        "post": _operation(
            "releaseLease",
            "Release events of a lease",
            "Gives events back, to be leased again after `delay` or the group's backoff: those at `positions`, as"
            " single retries, or all that are left. One that has used up its attempts goes into quarantine." + _BOTH,
            _NO_GROUP,
            _LOST,
            answer=_answer("How many events were released", "Released", {"released": 3}),
            parameters=(_LEASE,),
            body="ReleaseRequest",
        )
    },
    "/v1/groups": {
        "get": _operation(
            "listGroups",
            "List groups",
            "All groups of an inbox, by name." + _READS,
            answer=_answer("The groups", "Groups", {"groups": [GROUP]}),
            parameters=(_INBOX,),
        )
    },
    "/v1/groups/{group}": {
        "get": _operation(
            "showGroup",
            "Show a group",
            "The configuration of a group, and how far it has come." + _READS,
            _NO_GROUP,
            answer=_answer("The group", "Group", GROUP),
            parameters=_OF_GROUP,
        ),
        "put": _operation(
            "putGroup",
            "Create or configure a group",
            "Replaces the configuration; fields that are not given have their defaults. `start` counts if the request"
            " creates the group." + _BOTH,
            answer=_answer("The group", "Group", GROUP),
            parameters=_OF_GROUP,
            body="GroupRequest",
        ),
        "delete": _operation(
            "deleteGroup",
            "Delete a group",
            "Deletes a group with its leases, retries and quarantine. The events stay in the inbox." + _BOTH,
            _NO_GROUP,
            parameters=_OF_GROUP,
        ),
    },
    "/v1/groups/{group}/seek": {
        "post": _operation(
            "seekGroup",
            "Seek",
            "Lets a group begin elsewhere. All its leases and retries end; its quarantine stays." + _BOTH,
            _NO_GROUP,
            answer=_answer("The group", "Group", GROUP),
            parameters=_OF_GROUP,
            body="SeekRequest",
        )
    },
    "/v1/groups/{group}/quarantine": {
        "get": _operation(
            "readQuarantine",
            "List a quarantine",
            "Events that have used up their attempts, by position." + _READS,
            _NO_GROUP,
            answer=_answer("Events in quarantine", "Quarantine", QUARANTINE),
            parameters=(
                *_OF_GROUP,
                query(
                    "limit",
                    "Maximum number of events.",
                    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
                ),
                query("after", "Only events after this position.", {"type": "string", "pattern": PATTERN}),
            ),
        )
    },
    "/v1/groups/{group}/quarantine/release": {
        "post": _operation(
            "releaseQuarantine",
            "Release events from quarantine",
            "Lets events be leased again, with all their attempts: those at `positions`, or all." + _BOTH,
            _NO_GROUP,
            answer=_answer("How many events were released", "Released", {"released": 3}),
            parameters=_OF_GROUP,
            body="QuarantineRequest",
        )
    },
}
