"""Values between Pulumi's forms and the services': numbers, names of keys, tags, JSON documents."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast


def plain_values(value: Any) -> Any:
    """A value from Pulumi's wire with whole numbers as `int` and without absent keys.

    Numbers travel as doubles there, and the services refuse `30.0` seconds.
    Source: Pulumi, resource.proto: properties are a google.protobuf.Struct, whose numbers are doubles.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: plain_values(item) for key, item in items if item is not None}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in cast("Sequence[Any]", value)]
    return value


def upper_keys(value: Any) -> Any:
    """`allowOrigins` to `AllowOrigins`, at every depth: most services name a property so. Not for maps of a user's."""
    if isinstance(value, Mapping):
        return {key[:1].upper() + key[1:]: upper_keys(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [upper_keys(item) for item in cast("list[Any]", value)]
    return value


def lower_keys(value: Any) -> Any:
    """`AllowOrigins` to `allowOrigins`, at every depth."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: lower_keys(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [lower_keys(item) for item in cast("list[Any]", value)]
    return value


def present(**parameters: Any) -> dict[str, Any]:
    """Parameters of a call without those that have no value."""
    return {name: value for name, value in parameters.items() if value is not None}


def same_document(known: str | None, live: str | Mapping[str, Any]) -> str:
    """A JSON document as it is known here, if the service's means the same; else the service's.

    Services store a policy in their own spelling: a difference in blanks or in the order of keys is none.
    """
    parsed = json.loads(live) if isinstance(live, str) else live
    if known is not None and json.loads(known) == parsed:
        return known
    return json.dumps(parsed)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_map(tags: list[Any]) -> dict[str, str]:
    """Tags as Pulumi has them."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def tag_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The keys to take away and the tags to set so that the tags of the properties `old` become those of `new`."""
    before: Mapping[str, str] = old.get("tags") or {}
    after: Mapping[str, str] = new.get("tags") or {}
    return (
        [key for key in before if key not in after],
        {key: value for key, value in after.items() if before.get(key) != value},
    )
