"""Values in Pulumi's form and in the services': numbers, JSON documents, changes of tags, templates of ids and ARNs."""

import json
import re
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


def same_document(known: str | None, live: str | Mapping[str, Any]) -> str:
    """A JSON document as it is known here, if the service's means the same; else the service's.

    Services store a policy in their own spelling: a difference in blanks or in the order of keys is none.
    """
    parsed = json.loads(live) if isinstance(live, str) else live
    if known is not None and json.loads(known) == parsed:
        return known
    return json.dumps(parsed)


def tag_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The keys to take away and the tags to set so that the tags of the properties `old` become those of `new`."""
    before: Mapping[str, str] = old.get("tags") or {}
    after: Mapping[str, str] = new.get("tags") or {}
    return (
        [key for key in before if key not in after],
        {key: value for key, value in after.items() if before.get(key) != value},
    )


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a format string, or each of a list of them, with the values; any other constant as it is.

    One that is a single field gives the field's value unchanged.
    """
    if isinstance(template, list):
        return [fill(item, values) for item in cast("list[Any]", template)]
    if not isinstance(template, str):
        return template
    if single := re.fullmatch(r"\{(\w+)\}", template):
        return values[single[1]]
    return template.format_map(values)


def read_template(template: str, text: str, fields: frozenset[str]) -> dict[str, str]:
    """Return the values that a text was filled with, or nothing if the template has other fields than these.

    A field ends where what follows it in the template comes first.
    """
    found: list[str] = re.findall(r"\{(\w+)\}", template)
    if not fields.issuperset(found):
        return {}
    match = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template)), text)
    return match.groupdict() if match else {}
