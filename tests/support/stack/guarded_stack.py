"""A recorded stack as the guardrails check it, what they find, and small changes of it."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guardrails.aws_types import UnknownResourceTypeError, input_problems
from guardrails.resource import Resource, Rule, Rules, StackConfig, StackRule
from guardrails.rules import RULES
from tests.support.stack.recorded_stack import RecordedStack, record

STACKS = ["dev", "prod", "local"]

TYPE_RULES = Rules()


@TYPE_RULES.for_resource(takes_unknowns=True)
def properties_fit_their_types(resource: Resource) -> Iterator[str]:
    """A property must exist, be set if required, and have its type; so must nested ones."""
    if not resource.type.startswith("aws:"):
        return
    try:
        for problem in input_problems(resource.type, resource.properties):
            yield f"{problem.path}: {problem.reason}"
    except UnknownResourceTypeError as error:
        yield str(error)


ALL: list[Rule] = [*RULES, *TYPE_RULES]
"""The rules of the pack, and the one that AWS's own plugin checks in an account."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a resource breaks."""

    rule: str
    resource: str
    message: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.message} ({self.rule})"


def findings(rules: Sequence[Rule], resources: Sequence[Resource]) -> list[Finding]:
    """Return everything that some rules find in a stack."""
    found = list[Finding]()
    for rule in rules:
        if isinstance(rule, StackRule):
            pairs = list(rule.check(resources))
        else:
            relevant = [resource for resource in resources if not rule.types or resource.type in rule.types]
            pairs = [(resource, message) for resource in relevant for message in rule.check(resource)]
        found += [Finding(rule=rule.name, resource=resource.name, message=message) for resource, message in pairs]
    return found


@functools.cache
def _known(stack: str) -> frozenset[Finding]:
    return frozenset(findings(ALL, resources_of(stack)))


def broken_rules(resources: Sequence[Resource], *, stack: str = "prod") -> set[str]:
    """Return the rules that a changed stack breaks and the stack itself doesn't.

    What is wrong with the stack itself is one red test, and not one of each change.
    """
    return {finding.rule for finding in findings(ALL, resources) if finding not in _known(stack)}


def resources_of(stack: str) -> list[Resource]:
    """Return every resource that the program registers for a stack of the project."""
    return guarded(record(stack))


def guarded(stack: RecordedStack) -> list[Resource]:
    """Return a recorded stack's resources."""
    return [
        Resource(
            stack=StackConfig.read(stack.name, stack.config),
            type=recorded.type,
            name=recorded.name,
            urn=recorded.urn,
            properties=recorded.inputs,
            protect=recorded.options.protect,
        )
        for recorded in stack.resources
    ]


def changed(resources: list[Resource], name: str, type_token: str, properties: Mapping[str, Any]) -> list[Resource]:
    """Return the stack with other properties of one resource; None removes a property."""
    found = [resource for resource in resources if (resource.name, resource.type) == (name, type_token)]
    assert len(found) == 1, f"{len(found)} resources are {name} of type {type_token}"
    merged = {key: value for key, value in {**found[0].properties, **properties}.items() if value is not None}
    return [replace(resource, properties=merged) if resource is found[0] else resource for resource in resources]


def without(resources: list[Resource], name: str, type_token: str) -> list[Resource]:
    """Return the stack without one resource."""
    kept = [resource for resource in resources if (resource.name, resource.type) != (name, type_token)]
    assert len(kept) == len(resources) - 1
    return kept
