"""The rules as a policy pack: `pulumi preview --policy-pack guardrails`, and the same with `up`.

A broken rule stops the update before its resource is changed. The update checks what the preview
doesn't know yet.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

# Pulumi runs a pack in its own folder; the rules are imported from the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from guardrails.resource import UNKNOWN, Resource, ResourceRule, StackConfig, StackRule
from guardrails.rules import RULES
from infra.settings.running_config import running_config

# The engine passes a pack the stack's name and configuration, as it does to the program.
_STACK = StackConfig.read(pulumi.get_stack(), running_config()[0])


def _resource_policy(rule: ResourceRule) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if rule.types and args.resource_type not in rule.types:
            return
        properties = _plain(args.props) if rule.takes_unknowns else args.props
        for message in rule.check(_resource(args, properties)):
            report(message, args.urn)

    return ResourceValidationPolicy(rule.name, rule.description, validate, EnforcementLevel.MANDATORY)


def _stack_policy(rule: StackRule) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for resource, message in rule.check([_resource(each, each.props) for each in args.resources]):
            report(message, resource.urn)

    return StackValidationPolicy(rule.name, rule.description, validate, EnforcementLevel.MANDATORY)


def _resource(given: ResourceValidationArgs | PolicyResource, properties: Mapping[str, Any]) -> Resource:
    return Resource(
        stack=_STACK,
        type=given.resource_type,
        name=given.name,
        urn=given.urn,
        properties=properties,
        protect=bool(given.opts.protect),
    )


def _plain(value: Any) -> Any:
    """Replace a value's unknown parts by `UNKNOWN`; reading one of Pulumi's own raises."""
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
    policies=[_stack_policy(rule) if isinstance(rule, StackRule) else _resource_policy(rule) for rule in RULES],
)
