"""The rules as a policy pack: `pulumi preview --policy-pack guardrails`, and the same with `up`.

A broken rule ends the update before its resource is touched. What a preview doesn't know yet is seen in the update.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

# Pulumi runs a pack from its own folder; the rules are imported as the tests import them.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from guardrails.resource import UNKNOWN, Resource, ResourceRule, StackRule
from guardrails.rules import PACK


def _of_resource(rule: ResourceRule) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if rule.types and args.resource_type not in rule.types:
            return
        resource = Resource(
            type=args.resource_type,
            name=args.name,
            urn=args.urn,
            properties=_plain(args.props) if rule.takes_unknowns else args.props,
            protect=bool(args.opts.protect),
        )
        for message in rule.check(resource):
            report(message, args.urn)

    return ResourceValidationPolicy(rule.name, rule.description, validate, EnforcementLevel.MANDATORY)


def _of_stack(rule: StackRule) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [
            Resource(
                type=resource.resource_type,
                name=resource.name,
                urn=resource.urn,
                properties=resource.props,
                protect=bool(resource.opts.protect),
            )
            for resource in args.resources
        ]
        for resource, message in rule.check(resources):
            report(message, resource.urn)

    return StackValidationPolicy(rule.name, rule.description, validate, EnforcementLevel.MANDATORY)


def _plain(value: Any) -> Any:
    """A value whose unknown parts are `UNKNOWN`; Pulumi's own raises at the touch of one."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in cast("Mapping[str, Any]", value)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(cast("Sequence[Any]", value)))]
    return value


def _item(container: Any, key: str | int) -> Any:
    try:
        return _plain(container[key])
    except UnknownValueError:
        return UNKNOWN


PolicyPack(
    name="userstream-guardrails",
    policies=[_of_stack(rule) if isinstance(rule, StackRule) else _of_resource(rule) for rule in PACK],
)
