"""A recorded stack as the guardrails look at it, and small changes of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from guardrails.resource import Resource
from tests.support.stack.recorded_stack import RecordedStack, record

STACKS = ["dev", "prod", "local"]


def resources_of(stack: str) -> list[Resource]:
    """Every resource that the program registers for a stack of the project."""
    return guarded(record(stack))


def guarded(stack: RecordedStack) -> list[Resource]:
    """A recorded stack's resources."""
    return [
        Resource(
            type=recorded.type,
            name=recorded.name,
            urn=recorded.urn,
            properties=recorded.inputs,
            protect=recorded.options.protect,
        )
        for recorded in stack.resources
    ]


def changed(resources: list[Resource], name: str, type_token: str, properties: Mapping[str, Any]) -> list[Resource]:
    """The same stack, but one resource has other properties; None takes one away."""
    found = [resource for resource in resources if (resource.name, resource.type) == (name, type_token)]
    assert len(found) == 1, f"{len(found)} resources are {name} of type {type_token}"
    merged = {key: value for key, value in {**found[0].properties, **properties}.items() if value is not None}
    return [replace(resource, properties=merged) if resource is found[0] else resource for resource in resources]


def without(resources: list[Resource], name: str, type_token: str) -> list[Resource]:
    """The same stack without one resource."""
    kept = [resource for resource in resources if (resource.name, resource.type) != (name, type_token)]
    assert len(kept) == len(resources) - 1
    return kept
