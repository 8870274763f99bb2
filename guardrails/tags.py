"""Whose a resource is, and of which environment, stands on it."""

import re
from collections.abc import Iterator

from guardrails.aws_types import UnknownResourceTypeError, property_names
from guardrails.resource import Resource, ResourceRule, Rule

REQUIRED_TAGS = ("project", "environment", "managedBy")

_STACK = re.compile(r"urn:pulumi:(?P<name>[^:]+)::")

WITH_THEIR_BUCKET = frozenset({"aws:s3/bucketObjectv2:BucketObjectv2"})
"""Parts of a tagged resource: an object's tags are paid for one by one."""


def _is_tagged(resource: Resource) -> Iterator[str]:
    if resource.type in WITH_THEIR_BUCKET:
        return
    try:
        takes_tags = "tags" in property_names(resource.type)
    except UnknownResourceTypeError:
        return  # A component, or another provider's: it has no tags of AWS.
    missing = [tag for tag in REQUIRED_TAGS if not resource.get("tags", tag)]
    if takes_tags and missing:
        yield f"it lacks the tag {', '.join(missing)}: pass the environment's tags"
    stack = _STACK.match(resource.urn)
    if resource.environment and stack and resource.environment != stack["name"]:
        yield f"its tag environment is {resource.environment}, and its stack is {stack['name']}: pass its own tags"


RULES: list[Rule] = [
    ResourceRule(
        name="resources-are-tagged",
        description="Every resource that takes tags says its project, environment and who manages it.",
        types=frozenset(),
        check=_is_tagged,
    )
]
