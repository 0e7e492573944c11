"""Changes of a template by which data, its protection, or an address of the API would be lost.

CloudFormation makes such changes without asking: it replaces a table by an empty one of another name, or deletes a
domain that clients use. Its own schemas say which properties it can't change in place; `loss_rules` has the rest.
"""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import msgspec
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from cdk.loss_rules import RULES

_SCHEMA_REGION = "us-east-1"
_NAMES = ("TableName", "BucketName", "QueueName", "DomainName", "Name")
_IDENTITIES = ("Region", "AttributeName", "Id", "Key")
"""Properties that identify the elements of a list: replicas, keys of a table, lifecycle rules, attributes."""
_PROPERTIES = "Properties/"
_NO_POLICY = (None, "Delete")


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """One change that should not happen by accident."""

    stack: str
    resource: str
    """The logical id, or empty for the stack itself."""
    kind: str
    name: str
    """The physical name, where the template has one."""
    what: str
    """The path of the changed property, or `removed`."""
    deployed: object
    wanted: object
    consequence: str

    @property
    def line(self) -> str:
        """Return the line of `accept_losses` that permits it."""
        return "/".join(part for part in (self.stack, self.resource, self.what) if part)


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A stack, deployed or synthesized; `pseudo` has the values of `AWS::Region` and the like."""

    name: str
    template: Mapping[str, Any]
    termination_protection: bool
    pseudo: Mapping[str, str] = {}


def find(deployed: Stack, wanted: Stack) -> list[Loss]:
    """Return what is lost if `wanted` replaces `deployed`."""
    found = list(_of_resources(deployed, wanted))
    if deployed.termination_protection and not wanted.termination_protection:
        found.append(
            Loss(
                stack=deployed.name,
                resource="",
                kind="AWS::CloudFormation::Stack",
                name="",
                what="TerminationProtection",
                deployed=True,
                wanted=False,
                consequence="nothing protects the stack from deletion",
            )
        )
    return found


def _of_resources(deployed: Stack, wanted: Stack) -> Iterator[Loss]:
    others = wanted.template.get("Resources", {})
    for logical_id, resource in deployed.template.get("Resources", {}).items():
        kind = resource["Type"]
        if kind not in RULES:
            continue
        old, new = _leaves(deployed, resource), _leaves(wanted, others.get(logical_id))
        name = next((old[_PROPERTIES + one] for one in _NAMES if _PROPERTIES + one in old), "")
        for path, consequence in _changes(kind, old, new):
            yield Loss(
                stack=deployed.name,
                resource=logical_id,
                kind=kind,
                name=name if isinstance(name, str) else "",
                what=path.removeprefix(_PROPERTIES),
                deployed=old.get(path),
                wanted=new.get(path),
                consequence=consequence,
            )


def _changes(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the paths whose change is a loss, each with its consequence."""
    if not new:
        yield "removed", "it leaves the stack" if _kept(old) else "it is deleted"
        return
    if old["Type"] != new["Type"]:
        yield "Type", "it is deleted, and one of another type created"
        return
    for path in ("DeletionPolicy", "UpdateReplacePolicy"):
        if old.get(path) not in _NO_POLICY and old[path] != new.get(path):
            yield path, "it is deleted with its stack, or when it is replaced"
    for path in sorted({*old, *new}):
        consequence = _consequence(kind, path, old.get(path), new.get(path))
        if consequence:
            yield path, consequence


def _consequence(kind: str, path: str, old: object, new: object) -> str | None:
    """Return what a change of one value does, or None if nothing is lost."""
    inner = path.removeprefix(_PROPERTIES)
    if inner == path:
        return None
    if old != new and any(fnmatchcase(inner, pattern) for pattern in replacing(kind)):
        return "a new one replaces it, without its contents"
    rules = (rule for pattern, rule in RULES[kind].items() if fnmatchcase(inner, pattern))
    return next((consequence for is_loss, consequence in rules if is_loss(old, new)), None)


def _kept(resource: Mapping[str, Any]) -> bool:
    return resource.get("DeletionPolicy") not in _NO_POLICY


@cache
def replacing(kind: str) -> tuple[str, ...]:
    """Return patterns of the properties that CloudFormation changes by replacing the resource, for some changes or all.

    Source: the schemas that AWS publishes of its resource types, as cfn-lint contains them.
    """
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_SCHEMA_REGION, kind).schema
    pointers = [*schema.get("createOnlyProperties", ()), *schema.get("conditionalCreateOnlyProperties", ())]
    paths = [one.removeprefix("/properties/") for one in pointers]
    return tuple(pattern for path in paths for pattern in (path, f"{path}/*"))


def _leaves(stack: Stack, resource: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the values of a resource by path, such as `Properties/Replicas/eu-central-1/Region`."""
    found: dict[str, Any] = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, Mapping) and not _is_function(value):
            for key, inner in value.items():
                walk(f"{path}/{key}" if path else key, inner)
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            for number, inner in enumerate(value):
                walk(f"{path}/{_identity(inner, number)}", inner)
        else:
            found[path] = value

    walk("", _resolved(resource or {}, stack.pseudo))
    return found


def _identity(element: object, number: int) -> str:
    named = (element.get(one) for one in _IDENTITIES) if isinstance(element, Mapping) else ()
    return next((one for one in named if isinstance(one, str)), str(number))


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _resolved(value: object, pseudo: Mapping[str, str]) -> object:
    """Replace references to `pseudo` by their values, and join what consists of text alone."""
    if isinstance(value, list):
        return [_resolved(one, pseudo) for one in value]
    if not isinstance(value, Mapping):
        return value
    made: dict[str, Any] = {key: _resolved(one, pseudo) for key, one in value.items()}
    if set(made) == {"Ref"}:
        return pseudo.get(made["Ref"], made)
    if set(made) == {"Fn::Join"}:
        separator, parts = made["Fn::Join"]
        if all(isinstance(one, str) for one in parts):
            return str(separator).join(parts)
    return made


def describe(losses: list[Loss], stage: str) -> str:
    """Explain losses by resource, and how to permit them."""
    lines = ["Refused: this deployment would lose data, its protection, or an address of the API."]
    seen = None
    for loss in losses:
        title = f"{loss.stack}: {' '.join(part for part in (loss.resource, loss.kind, loss.name) if part)}"
        if title != seen:
            lines += ["", title]
            seen = title
        if loss.what == "removed":
            lines.append(f"  deployed, and no longer in the template: {loss.consequence}.")
        else:
            lines.append(f"  {loss.what}: deployed {_shown(loss.deployed)}, wanted {_shown(loss.wanted)}:")
            lines.append(f"    {loss.consequence}.")
    lines += ["", f"If that is wanted, permit it in cdk/stages/{stage}.toml, and remove the lines afterwards:", ""]
    lines += ["accept_losses = [", *(f"    {json.dumps(loss.line)}," for loss in losses), "]"]
    return "\n".join(lines)


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)
