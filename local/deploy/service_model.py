"""Translate Pulumi properties to the parameters of an AWS operation, and its result back.

botocore's model of the service has the name and the type of each member, at each depth. A property
has its member's name but for the case (`pulumi_name`); where the AWS provider has another name, the
handler's `renamed` says so.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from functions.runtime.json_log import is_array, is_object
from local.deploy.values import ResourceError

Renamed = Mapping[str, str]
"""From a member of an AWS structure to the Pulumi property, where the name is another."""

_PAIRS = (("Key", "Value"), ("Name", "Value"))
"""Lists of these, such as tags and an alarm's dimensions, are maps in the AWS provider."""


class UnsupportedPropertyError(ResourceError):
    """The handler doesn't know these properties, and must not ignore them silently."""

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__(
            f"the local stack doesn't know {', '.join(map(repr, paths))}. Leave it out, "
            "or teach it to the handler in local/deploy/"
        )


def pulumi_name(member: str) -> str:
    """Return the provider's name of a member, such as `okActions` for `OKActions`."""
    words = re.sub(r"[A-Z]+(?![a-z])", lambda capitals: capitals[0].capitalize(), member)
    return words[:1].lower() + words[1:]


def members_by_property(shape: Shape, renamed: Renamed) -> dict[str, str]:
    """Return the members of a structure by the names of their properties."""
    members: Mapping[str, Shape] = shape.members if isinstance(shape, StructureShape) else {}
    return {renamed.get(member, pulumi_name(member)): member for member in members}


def to_parameters(shape: Shape, value: Any, renamed: Renamed, path: str = "") -> Any:
    """Return a property's value as the service takes it.

    A list also stands for a structure of `Items`, with their `Quantity` if it has one, and a map
    for a list of keys and values. A value of another type stays as it is, and botocore refuses it.
    Raise UnsupportedPropertyError if the service has no such property at `path`.
    """
    if isinstance(shape, StructureShape):
        members: Mapping[str, Shape] = shape.members
        if members.keys() == {"Items"} or ("Items" in members and is_array(value)):
            return _structure(shape, {"items": value}, renamed, path)
        return _structure(shape, value, renamed, path) if is_object(value) else value
    if isinstance(shape, MapShape) and is_object(value):
        return {key: to_parameters(shape.value, item, renamed, f"{path}{key}.") for key, item in value.items()}
    if isinstance(shape, ListShape):
        if is_object(value) and (pair := _pair(shape.member)):
            return [dict(zip(pair, entry, strict=True)) for entry in value.items()]
        if is_array(value):
            return [to_parameters(shape.member, item, renamed, path) for item in value]
    return value


def _structure(shape: StructureShape, value: Mapping[str, Any], renamed: Renamed, path: str) -> dict[str, Any]:
    members = members_by_property(shape, renamed)
    if unknown := sorted(value.keys() - members.keys()):
        raise UnsupportedPropertyError([path + name for name in unknown])
    parameters = {
        members[name]: to_parameters(shape.members[members[name]], item, renamed, f"{path}{name}.")
        for name, item in value.items()
    }
    if "Quantity" in shape.members:
        parameters["Quantity"] = len(parameters.get("Items", []))
        if not parameters["Quantity"]:
            parameters.pop("Items", None)
    return parameters


def to_properties(shape: Shape, value: Any, renamed: Renamed) -> Any:
    """Return what a service answered as the AWS provider has it: `to_parameters` the other way."""
    if isinstance(shape, StructureShape):
        members: Mapping[str, Shape] = shape.members
        if members.keys() in ({"Items"}, {"Items", "Quantity"}):
            return to_properties(members["Items"], value.get("Items", []), renamed)
        return {
            name: to_properties(members[member], value[member], renamed)
            for name, member in members_by_property(shape, renamed).items()
            if member in value and member != "Quantity"
        }
    if isinstance(shape, MapShape):
        return {key: to_properties(shape.value, item, renamed) for key, item in value.items()}
    if isinstance(shape, ListShape):
        if pair := _pair(shape.member):
            return {item[pair[0]]: item[pair[1]] for item in value}
        return [to_properties(shape.member, item, renamed) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _pair(shape: Shape) -> tuple[str, ...]:
    """Return the names of a key and of its value, or nothing for any other structure."""
    members = tuple[str, ...](sorted(shape.members)) if isinstance(shape, StructureShape) else ()
    return members if members in _PAIRS else ()
