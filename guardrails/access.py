"""Rules for least privilege: no wildcards, and nothing public except registration."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

from guardrails.resource import (
    API,
    BUCKET,
    BUCKET_PUBLIC_ACCESS_BLOCK,
    FUNCTION_URL,
    PERMISSION,
    QUEUE,
    QUEUE_POLICY,
    ROLE,
    ROLE_POLICY_ATTACHMENT,
    ROUTE,
    TOPIC,
    UNKNOWN,
    Resource,
    Rules,
    of_type,
)

RULES = Rules()

ACTIONS_WITHOUT_RESOURCE = frozenset({"dynamodb:ListStreams", "xray:PutTelemetryRecords", "xray:PutTraceSegments"})
"""The stacks' actions that IAM can't limit to a resource; a test checks them against IAM's own
definitions."""

PUBLIC_ROUTES = frozenset({"POST /register", "POST /register/confirmation"})
"""Routes that everybody may call. All others need a signature."""

INVOKE = "lambda:InvokeFunction"

INLINE_ROUTE_PROPERTIES = ("body", "routeKey", "target")
"""Inputs of an API that create routes and a stage. Source: API Gateway V2 API reference, CreateApi
and ImportApi."""

SOURCE_CONDITIONS = frozenset({"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths"})
"""Conditions on whose resource a service acts for. Source: IAM user guide, "The confused deputy
problem"."""

EQUALITIES = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
"""Condition operators that don't hold without the key, unlike their negations and `...IfExists`.
Source: IAM user guide, "IAM JSON policy elements: Condition operators"."""

PUBLIC_ACCESS_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

_SERVICE = re.compile(r".+\.amazonaws\.com(?:\.cn)?")

_AWS_MANAGED = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/")

_PARTS_OF_ONE_RESOURCE = re.compile(r"arn:aws[a-z-]*:(?:s3:::[^*?]+/\*|logs:[^:*?]+:\d{12}:log-group:[^:*?]+:\*)")
"""The wildcards that are allowed: all objects of one bucket, all streams of one log group."""


@dataclass(frozen=True, kw_only=True)
class PolicyStatement:
    """One statement of a policy document, with tuples where IAM takes one text or several.

    Attributes:
        sid: its Sid, or its position.
        condition: operator to key to value.
        inverted: whether it has NotAction, NotResource or NotPrincipal, whose values are then those
            of actions, resources or principals.
    """

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]]
    inverted: bool


def policy_documents(properties: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every policy document anywhere in a resource's properties, each with its path.

    A document is recognised by its own form, JSON or map, and not by a list of types and
    properties, because a queue takes a policy too and a role takes statements in three ways.
    """
    if isinstance(properties, Mapping) and "Statement" in properties:
        yield path, cast("Mapping[str, Any]", properties)
    elif isinstance(properties, Mapping):
        for name, value in cast("Mapping[str, Any]", properties).items():
            yield from policy_documents(value, f"{path}.{name}" if path else name)
    elif isinstance(properties, list | tuple):
        for index, value in enumerate(cast("Sequence[Any]", properties)):
            yield from policy_documents(value, f"{path}[{index}]")
    elif isinstance(properties, str) and '"Statement"' in properties:
        try:
            document: Any = json.loads(properties)
        except ValueError:
            return  # Another text that contains the word.
        if isinstance(document, Mapping) and "Statement" in document:
            yield path, cast("Mapping[str, Any]", document)


def statements(document: str | Mapping[str, Any]) -> list[PolicyStatement]:
    """Return the statements of a policy document.

    Raises:
        ValueError: the document isn't JSON.
    """
    parsed: Any = json.loads(document) if isinstance(document, str) else document
    return [
        PolicyStatement(
            sid=statement.get("Sid", f"statement {position}"),
            effect=statement["Effect"],
            actions=_several(statement.get("Action", statement.get("NotAction", ()))),
            resources=_several(statement.get("Resource", statement.get("NotResource", ()))),
            principals=_principals(statement.get("Principal", statement.get("NotPrincipal", ()))),
            condition=statement.get("Condition", {}),
            inverted=any(name in statement for name in ("NotAction", "NotResource", "NotPrincipal")),
        )
        for position, statement in enumerate(_several(parsed["Statement"]), start=1)
    ]


def _principals(principal: Any) -> tuple[str, ...]:
    if isinstance(principal, Mapping):
        return tuple(named for value in cast("Mapping[str, Any]", principal).values() for named in _several(value))
    return _several(principal)


def _several(value: Any) -> tuple[Any, ...]:
    return (cast("Any", value),) if isinstance(value, str | Mapping) else tuple(value)


def _all_statements(resource: Resource) -> list[PolicyStatement]:
    return [found for _, document in policy_documents(resource.properties) for found in statements(document)]


@RULES.for_resource(takes_unknowns=True)
def policies_name_what_they_allow(resource: Resource) -> Iterator[str]:
    """A policy must name its actions and resources, because a wildcard allows the unforeseen."""
    for statement in _all_statements(resource):
        if statement.effect != "Allow":
            continue
        if statement.inverted:
            yield f"{statement.sid} allows everything except what it names: name what is allowed"
        for action in statement.actions:
            if "*" in action or "?" in action:
                yield f"{statement.sid} allows {action}: name the actions"
        for named in statement.resources:
            if named == "*" and ACTIONS_WITHOUT_RESOURCE.issuperset(statement.actions):
                continue
            if ("*" in named or "?" in named) and not _PARTS_OF_ONE_RESOURCE.fullmatch(named):
                yield f"{statement.sid} allows {', '.join(statement.actions)} on {named}: name the resource's ARN"


@RULES.for_resource(takes_unknowns=True)
def policies_name_their_principals(resource: Resource) -> Iterator[str]:
    """A policy must name the account or the service that it allows."""
    for statement in _all_statements(resource):
        if statement.effect == "Allow" and "*" in statement.principals:
            yield f"{statement.sid} allows everybody: name the account or the service"


@RULES.for_resource(takes_unknowns=True)
def services_act_for_a_named_source(resource: Resource) -> Iterator[str]:
    """A policy must limit a service to a source, or it acts for any account's resources."""
    for path, document in policy_documents(resource.properties):
        for statement in statements(document):
            services = [str(each) for each in statement.principals if _SERVICE.fullmatch(str(each))]
            if statement.effect == "Allow" and services and not _names_a_source(statement):
                key = "aws:SourceAccount" if path.startswith("assumeRolePolicy") else "aws:SourceArn"
                yield (
                    f"{statement.sid} allows {', '.join(services)} to act for any account's resources: "
                    f"add a condition that {key} equals a named one"
                )


def _names_a_source(statement: PolicyStatement) -> bool:
    """Return whether one of the conditions holds for named accounts or resources alone."""
    return any(
        operator.lower().removeprefix("foranyvalue:") in EQUALITIES
        and key.lower() in SOURCE_CONDITIONS
        and all(_is_named(str(value)) for value in _several(values))
        for operator, keys in statement.condition.items()
        for key, values in keys.items()
    )


def _is_named(source: str) -> bool:
    """Return whether an ARN names its account and at least begins a name, or an id is whole."""
    if not source.startswith("arn:"):
        return bool(source) and not {"*", "?"} & set(source)
    *_, account, name = f"{source}:::::".split(":", 5)
    return not {"*", "?"} & set(account) and bool(name.strip(":")) and name[0] not in "*?"


@RULES.for_resource(ROLE, ROLE_POLICY_ATTACHMENT, takes_unknowns=True)
def no_managed_policies(resource: Resource) -> Iterator[str]:
    """A role must have its own statements, because a managed policy is written elsewhere."""
    for arn in (resource.get("policyArn"), *resource.list("managedPolicyArns")):
        if _AWS_MANAGED.match(str(arn)):
            yield f"AWS may extend {arn}, which names no resource: write the statements that are needed"
        elif arn is not None and arn != UNKNOWN:
            yield f"no rule checks {arn}, which is written elsewhere: write the statements that are needed"


@RULES.for_resource(PERMISSION, takes_unknowns=True)
def permissions_are_narrow(permission: Resource) -> Iterator[str]:
    """A permission must let only a named resource of a service invoke the function."""
    if not str(permission.get("principal")).endswith(".amazonaws.com"):
        yield f"{permission.get('principal')} may invoke the function: allow only a service of AWS"
    if permission.get("action") not in {INVOKE, UNKNOWN}:
        yield f"{permission.get('action')} is more than to invoke the function: set action to {INVOKE}"
    source = permission.get("sourceArn")
    if not (source or permission.get("sourceAccount")):
        yield "any account's resources may invoke the function through that service: set source_arn"
    if source and source != UNKNOWN:
        *_, region, account, name = f"{source}:::::".split(":", 5)
        if "*" in region or "*" in account or name.startswith("*"):
            yield f"many resources may invoke the function: name region, account and resource in {source}"


@RULES.for_stack
def buckets_are_private(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A bucket must block public access, whatever its policy or access list says."""
    blocks = {resource.get("bucket"): resource for resource in of_type(resources, BUCKET_PUBLIC_ACCESS_BLOCK)}
    for bucket in of_type(resources, BUCKET):
        block = blocks.get(bucket.get("bucket"))
        missing = [name for name in PUBLIC_ACCESS_BLOCKS if block is None or not block.get(name)]
        if missing:
            yield bucket, f"the bucket can be made public: its BucketPublicAccessBlock needs {', '.join(missing)}"


@RULES.for_stack
def queues_take_messages_from_own_topics(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A queue's policy must let only the stack's topics send: a message is taken at its word."""
    # Who may send by the policy of its own role is decided there: docs/ops.md says what it means.
    topics = {topic.get("name") for topic in of_type(resources, TOPIC)}
    for resource in of_type(resources, QUEUE, QUEUE_POLICY):
        for statement in _all_statements(resource):
            if statement.effect != "Allow" or not _allows_sending(statement):
                continue
            sources = {arn.rpartition(":")[2] for arn in _source_arns(statement)}
            if set(statement.principals) != {"sns.amazonaws.com"} or not sources or not sources <= topics:
                wanted = "allow only sns.amazonaws.com, if aws:SourceArn is (ArnEquals) a topic of the stack"
                yield resource, f"{statement.sid} lets others send: {wanted}"


def _allows_sending(statement: PolicyStatement) -> bool:
    return statement.inverted or any(
        fnmatchcase("sqs:sendmessage", str(action).lower()) for action in statement.actions
    )


def _source_arns(statement: PolicyStatement) -> list[str]:
    """Return the exact ARNs for which a service may act by the statement."""
    named = statement.condition.get("ArnEquals", {})
    return [str(arn) for key, value in named.items() if key.lower() == "aws:sourcearn" for arn in _several(value)]


@RULES.for_resource(ROUTE)
def routes_are_signed(route: Resource) -> Iterator[str]:
    """A route must take signed requests only, except registration."""
    key = route.properties["routeKey"]
    if key not in PUBLIC_ROUTES and route.get("authorizationType") != "AWS_IAM":
        yield f"everybody may call {key}: set authorization_type to AWS_IAM, or add it to PUBLIC_ROUTES"


@RULES.for_resource(API, takes_unknowns=True)
def routes_are_resources(api: Resource) -> Iterator[str]:
    """A route must be a resource of its own, so that the rules check it."""
    for name in INLINE_ROUTE_PROPERTIES:
        if api.get(name):
            yield f"no rule checks the routes that {name} creates: add each as a Route, and unset it"


@RULES.for_resource(API, takes_unknowns=True)
def origins_are_named(api: Resource) -> Iterator[str]:
    """The API must name the origins whose pages may call it."""
    if any("*" in origin for origin in api.list("corsConfiguration", "allowOrigins")):
        yield "every website may call the API from its visitors' browsers: name the origins"


@RULES.for_resource(FUNCTION_URL)
def no_function_urls(_: Resource) -> Iterator[str]:
    """A function must be reached through the API alone."""
    yield "a function URL bypasses the API's routes, throttling and log: add a route instead"
