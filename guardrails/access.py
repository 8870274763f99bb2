"""Nobody can do more than they must: no wildcards, nothing public but the one route that is meant to be."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from guardrails.resource import (
    API,
    BUCKET,
    BUCKET_PUBLIC_ACCESS_BLOCK,
    FUNCTION_URL,
    PERMISSION,
    ROLE,
    ROLE_POLICY_ATTACHMENT,
    ROUTE,
    UNKNOWN,
    Resource,
    ResourceRule,
    Rule,
    StackRule,
    of_type,
)

# IAM policy documents, read into statements.


@dataclass(frozen=True, kw_only=True)
class PolicyStatement:
    """One statement, with what may be one text or several always as several.

    Attributes:
        sid: its name, for messages.
        effect: Allow or Deny.
        actions: all it names.
        resources: all it names.
        principals: all it names, as `*`, an ARN or a service; none in a role's policy.
        condition: operator to key to value.
        inverted: whether it says NotAction, NotResource or NotPrincipal.
    """

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]]
    inverted: bool


def policy_documents(properties: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every policy document in a resource's properties, wherever it lies, with its path: it says itself that it is one.

    Not by a list of types and properties: a queue takes a policy too, and a role takes statements in three ways. The
    provider takes each as JSON or as a map.
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
            return  # Some other text with that word in it.
        if isinstance(document, Mapping) and "Statement" in document:
            yield path, cast("Mapping[str, Any]", document)


def statements(document: str | Mapping[str, Any]) -> list[PolicyStatement]:
    """The statements of a policy document.

    Raises:
        ValueError: it is no JSON.
    """
    parsed: Any = json.loads(document) if isinstance(document, str) else document
    return [_statement(statement, index) for index, statement in enumerate(_several(parsed["Statement"]))]


def _statement(statement: Mapping[str, Any], index: int) -> PolicyStatement:
    return PolicyStatement(
        sid=statement.get("Sid", f"statement {index + 1}"),
        effect=statement["Effect"],
        actions=_several(statement.get("Action", statement.get("NotAction", ()))),
        resources=_several(statement.get("Resource", statement.get("NotResource", ()))),
        principals=tuple(_principals(statement.get("Principal", statement.get("NotPrincipal")))),
        condition=statement.get("Condition", {}),
        inverted=any(name in statement for name in ("NotAction", "NotResource", "NotPrincipal")),
    )


def _principals(principal: Any) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
    elif principal is not None:
        for named in principal.values():
            yield from _several(named)


def _several(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | Mapping):
        return (cast("Any", value),)
    return tuple(value)


ACTIONS_WITHOUT_RESOURCE = frozenset({"dynamodb:ListStreams"})
"""Actions here that AWS lets nobody limit to a resource; a test holds them against IAM's own definitions."""

PUBLIC_ROUTES = frozenset({"POST /register"})
"""Routes that everybody may call. All others take a signature."""

INVOKE = "lambda:InvokeFunction"

ROUTES_OF_ANOTHER_KIND = ("body", "routeKey", "target")
"""Inputs of an API that make routes, and a stage. Source: API Gateway V2 API reference, CreateApi and ImportApi."""

SOURCES = frozenset({"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths"})
"""Conditions on whose resource a service acts for. Source: IAM user guide, "The confused deputy problem"."""

TRUST = "assumeRolePolicy"

PUBLIC_ACCESS_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

_OF_AWS = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/")

_NARROW_WILDCARD = re.compile(r"arn:aws[a-z-]*:(?:s3:::[^*?]+/\*|logs:[^:*?]+:\d{12}:log-group:[^:*?]+:\*)")
"""All objects of one bucket, or all streams of one log group: a part of one resource, not several resources."""


def policy_statements(resource: Resource) -> list[PolicyStatement]:
    """The statements of all policy documents in a resource."""
    return [found for _, document in policy_documents(resource.properties) for found in statements(document)]


def _no_wildcard(resource: Resource) -> Iterator[str]:
    for statement in policy_statements(resource):
        if statement.effect != "Allow":
            continue
        if statement.inverted:
            yield f"{statement.sid} allows everything but what it names: name what is allowed"
        for action in statement.actions:
            if "*" in action or "?" in action:
                yield f"{statement.sid} allows {action}: name the actions"
        for named in statement.resources:
            if named == "*" and ACTIONS_WITHOUT_RESOURCE.issuperset(statement.actions):
                continue
            if ("*" in named or "?" in named) and not _NARROW_WILDCARD.fullmatch(named):
                yield f"{statement.sid} allows {', '.join(statement.actions)} on {named}: name the resource's ARN"


def _no_public_principal(resource: Resource) -> Iterator[str]:
    for statement in policy_statements(resource):
        if statement.effect == "Allow" and "*" in statement.principals:
            yield f"{statement.sid} allows everybody: name the account or the service"


def _services_come_from_a_source(resource: Resource) -> Iterator[str]:
    for path, document in policy_documents(resource.properties):
        if path == TRUST:
            continue  # Lambda assumes a role for the account that the role is in.
        for statement in statements(document):
            services = [str(each) for each in statement.principals if str(each).endswith(".amazonaws.com")]
            named = {key.lower() for keys in statement.condition.values() for key in keys}
            if statement.effect == "Allow" and services and not named & SOURCES:
                yield (
                    f"{statement.sid} lets any account's resources in through {', '.join(services)}: "
                    "add a condition on aws:SourceArn"
                )


def _no_managed_policy(resource: Resource) -> Iterator[str]:
    for arn in (resource.get("policyArn"), *resource.list("managedPolicyArns")):
        if _OF_AWS.match(str(arn)):
            yield f"{arn} is AWS's, grows by itself and names no resource: write the statements it is needed for"
        elif arn is not None and arn != UNKNOWN:
            yield f"{arn} is written elsewhere, where no rule looks: write the statements it is needed for"


def _permission_is_narrow(permission: Resource) -> Iterator[str]:
    if not str(permission.get("principal")).endswith(".amazonaws.com"):
        yield f"{permission.get('principal')} may invoke the function: only a service of AWS may"
    if permission.get("action") not in {INVOKE, UNKNOWN}:
        yield f"{permission.get('action')} is more than to invoke the function: set action to {INVOKE}"
    source = permission.get("sourceArn")
    if not (source or permission.get("sourceAccount")):
        yield "any account's resources may invoke the function through that service: set source_arn"
    if source and source != UNKNOWN:
        *_, region, account, name = f"{source}:::::".split(":", 5)
        if "*" in region or "*" in account or name.startswith("*"):
            yield f"resources of many names may invoke the function: {source} must name region, account and resource"


def _bucket_is_private(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    blocks = {resource.get("bucket"): resource for resource in of_type(resources, BUCKET_PUBLIC_ACCESS_BLOCK)}
    for bucket in of_type(resources, BUCKET):
        block = blocks.get(bucket.get("bucket"))
        missing = [name for name in PUBLIC_ACCESS_BLOCKS if block is None or not block.get(name)]
        if missing:
            yield bucket, f"the bucket can be made public: its BucketPublicAccessBlock needs {', '.join(missing)}"


def _route_is_signed(route: Resource) -> Iterator[str]:
    key, authorization = route.properties["routeKey"], route.get("authorizationType")
    if key not in PUBLIC_ROUTES and authorization != "AWS_IAM":
        yield f"{key} can be called by everybody: set authorization_type to AWS_IAM, or add it to PUBLIC_ROUTES"


def _routes_are_resources(api: Resource) -> Iterator[str]:
    for name in ROUTES_OF_ANOTHER_KIND:
        if api.get(name):
            yield f"{name} makes routes that no rule looks at: add each as a Route, and unset it"


def _origins_are_named(api: Resource) -> Iterator[str]:
    if any("*" in origin for origin in api.list("corsConfiguration", "allowOrigins")):
        yield "every website may call the API from its visitors' browsers: name the origins"


def _no_function_url(_: Resource) -> Iterator[str]:
    yield "a function's own URL goes around the API's routes, throttling and log: add a route instead"


RULES: list[Rule] = [
    ResourceRule(
        name="policies-name-what-they-allow",
        description="A wildcard allows what nobody has thought of.",
        types=frozenset(),
        check=_no_wildcard,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="policies-name-who",
        description="No policy allows everybody.",
        types=frozenset(),
        check=_no_public_principal,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="services-come-from-a-source",
        description="A service acts for the resource that it is meant to act for, not for any account's.",
        types=frozenset(),
        check=_services_come_from_a_source,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="no-managed-policies",
        description="A role can do what its own statements say.",
        types=frozenset({ROLE, ROLE_POLICY_ATTACHMENT}),
        check=_no_managed_policy,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="permissions-are-narrow",
        description="Only the named resource of a service may invoke a function.",
        types=frozenset({PERMISSION}),
        check=_permission_is_narrow,
        takes_unknowns=True,
    ),
    StackRule(
        name="buckets-are-private",
        description="No bucket can be made public, by whatever policy or access list.",
        check=_bucket_is_private,
    ),
    ResourceRule(
        name="routes-are-signed",
        description="Only registration is open to everybody.",
        types=frozenset({ROUTE}),
        check=_route_is_signed,
    ),
    ResourceRule(
        name="routes-are-resources",
        description="What can be called is seen route by route.",
        types=frozenset({API}),
        check=_routes_are_resources,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="origins-are-named",
        description="Only named pages may call the API.",
        types=frozenset({API}),
        check=_origins_are_named,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="no-function-urls",
        description="A function is reached through the API alone.",
        types=frozenset({FUNCTION_URL}),
        check=_no_function_url,
    ),
]
