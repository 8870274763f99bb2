"""Values in Pulumi's form and in the services': numbers, documents, tags, templates of ids."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast


def names(text: str) -> frozenset[str]:
    """Return the names that a text lists, separated by blanks."""
    return frozenset(text.split())


def plain_values(value: Any) -> Any:
    """Return a value from Pulumi's wire with whole numbers as `int` and without absent keys.

    Numbers are doubles there, and the services refuse `30.0` seconds. Source: Pulumi,
    resource.proto: properties are a google.protobuf.Struct, whose numbers are doubles.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: plain_values(item) for key, item in items if item is not None}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in cast("Sequence[Any]", value)]
    return value


def same_document(known: str | None, live: str | Mapping[str, Any]) -> str:
    """Return the known form of a JSON document if the service's has the same value, else that.

    Services store a policy in their own spelling: blanks and the order of keys don't matter.
    """
    parsed = json.loads(live) if isinstance(live, str) else live
    if known is not None and json.loads(known) == parsed:
        return known
    return json.dumps(parsed)


def tag_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the keys to remove and the tags to set to get from the tags of `old` to `new`'s."""
    before: Mapping[str, str] = old.get("tags") or {}
    after: Mapping[str, str] = new.get("tags") or {}
    return (
        [key for key in before if key not in after],
        {key: value for key, value in after.items() if before.get(key) != value},
    )


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a format string, or each one of a list, with the values; or another constant.

    A format string of one field gives the field's value, whatever its type.
    """
    if isinstance(template, list):
        return [fill(item, values) for item in cast("list[Any]", template)]
    if not isinstance(template, str):
        return template
    if single := re.fullmatch(r"\{(\w+)\}", template):
        return values[single[1]]
    return template.format_map(values)


def read_template(template: str, text: str) -> dict[str, str]:
    """Return the values that the fields of a template were filled with to give a text.

    A field ends at the first occurrence of what follows it in the template.
    """
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template))
    match = re.fullmatch(pattern, text)
    return match.groupdict() if match else {}
