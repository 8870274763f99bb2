"""A stack's exported state: what was being created, and the state without it.

Source of the form: Pulumi, sdk/go/common/apitype, `DeploymentV3` and `OperationV2`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

Export = dict[str, Any]
"""What `pulumi stack export` prints."""


@dataclass(frozen=True)
class PendingCreate:
    """A resource that an engine began to create.

    Attributes:
        resource: as in the state, without an id.
        provider_region: of the AWS provider that creates it.
        known_ids: the ids of its type that the state has: those are other resources.
    """

    resource: Mapping[str, Any]
    provider_region: str
    known_ids: frozenset[str]

    @property
    def urn(self) -> str:
        """Its name in the state."""
        return self.resource["urn"]

    @property
    def type(self) -> str:
        """Its type, as in `aws:sqs/queue:Queue`."""
        return self.resource["type"]

    @property
    def label(self) -> str:
        """Its type and its name in the program, for people."""
        return f"{self.type} {self.logical_name}"

    @property
    def logical_name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    @cached_property
    def inputs(self) -> Mapping[str, Any]:
        """What it was to be created with; a secret is a marked map."""
        return self.resource.get("inputs", {})

    @property
    def region(self) -> str:
        """Where it is."""
        return self.inputs.get("region", self.provider_region)


class Found(NamedTuple):
    """A resource that exists: what AWS calls it, and what `pulumi import` takes."""

    pending: PendingCreate
    id: str
    import_id: str


def resources_of(export: Export) -> list[dict[str, Any]]:
    """Return the resources that the state has."""
    return export["deployment"].get("resources") or []


def pending_operations(export: Export) -> list[dict[str, Any]]:
    """Return what a killed engine left undone, of every kind."""
    return export["deployment"].get("pending_operations") or []


def pending_creates(export: Export) -> list[PendingCreate]:
    """Return the resources of AWS that may exist and that the state doesn't have."""
    resources = resources_of(export)
    recorded = {each["urn"] for each in resources if not each.get("pendingReplacement") and not each.get("delete")}
    regions = {f"{each['urn']}::{each.get('id')}": each.get("inputs", {}).get("region") for each in resources}
    begun = {
        operation["resource"]["urn"]: operation["resource"]
        for operation in pending_operations(export)
        if operation["type"] in {"creating", "importing"} and operation["resource"]["type"].startswith("aws:")
    }
    return [
        PendingCreate(
            resource=resource,
            provider_region=regions.get(resource.get("provider", "")) or "",
            known_ids=frozenset(each["id"] for each in resources if each["type"] == resource["type"] and "id" in each),
        )
        for urn, resource in begun.items()
        if urn not in recorded
    ]


def to_import(export: Export, found: Iterable[Found]) -> list[Found]:
    """Return those that the state has no entry for, not even of one that was to be replaced."""
    present = {each["urn"] for each in resources_of(export)}
    return [each for each in found if each.pending.urn not in present]


def import_file(found: Iterable[Found]) -> dict[str, Any]:
    """Return what `pulumi import --file` reads.

    Each resource keeps its name, its parent and its provider, so that the program finds it.
    """
    names: dict[str, str] = {}
    resources: list[dict[str, str]] = []
    for number, each in enumerate(found):
        resource = each.pending.resource
        entry = {
            "type": each.pending.type,
            "name": f"resource{number}",
            "logicalName": each.pending.logical_name,
            "id": each.import_id,
        }
        # A provider's reference is its URN and its id.
        for role, urn in (
            ("parent", resource.get("parent")),
            ("provider", resource.get("provider", "").rpartition("::")[0]),
        ):
            if urn:
                entry[role] = names.setdefault(urn, f"{role}{len(names)}")
        resources.append(entry)
    return {"nameTable": {name: urn for urn, name in names.items()}, "resources": resources}


def without_pending_operations(export: Export, found: Iterable[Found]) -> Export:
    """Return the state as `up` can go on from it.

    A resource whose replacement was begun has its old entry still. If the new one exists, the entry
    becomes the new one's; `up` then compares its inputs, and replaces it once more.
    """
    ids = {each.pending.urn: each.id for each in found}
    resources = [
        {**each, "id": ids[each["urn"]], "pendingReplacement": False}
        if each.get("pendingReplacement") and each["urn"] in ids
        else each
        for each in resources_of(export)
    ]
    return {**export, "deployment": {**export["deployment"], "resources": resources, "pending_operations": []}}
