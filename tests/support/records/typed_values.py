"""Plain values as DynamoDB's typed JSON: the inverse of what the functions read."""

from base64 import b64encode
from decimal import Decimal
from typing import cast

from functions.runtime.json_log import is_array, is_object
from functions.stream_records.attribute_values import AttributeValue, Image, PlainValue


def marshal_image(plain: dict[str, PlainValue]) -> Image:
    """Return an item's attributes typed; the inverse of `unmarshal_image`."""
    return {name: marshal(value) for name, value in plain.items()}


def marshal(value: PlainValue) -> AttributeValue:
    """Return one plain value typed; the inverse of `unmarshal`.

    Raises:
        TypeError: DynamoDB has no type for it: a float (not exact), an empty set, a set of mixed
            types, anything else.
    """
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if is_object(value):
        return {"M": marshal_image(value)}
    if is_array(value):
        return {"L": [marshal(element) for element in value]}
    if isinstance(value, set | frozenset):
        return _marshal_set([_marshal_scalar(element) for element in cast("set[PlainValue]", value)])
    attribute_type, content = _marshal_scalar(value)
    return {attribute_type: content}


def _marshal_scalar(value: PlainValue) -> tuple[str, str]:
    if isinstance(value, str):
        return "S", value
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return "N", str(value)
    if isinstance(value, bytes):
        return "B", b64encode(value).decode("ascii")
    raise TypeError(f"DynamoDB has no type for {type(value).__name__}: give str, Decimal, int, bytes, bool or None")


def _marshal_set(elements: list[tuple[str, str]]) -> AttributeValue:
    attribute_types = {attribute_type for attribute_type, _ in elements}
    if len(attribute_types) != 1:
        raise TypeError(f"a DynamoDB set holds elements of one type and at least one: not {sorted(attribute_types)}")
    return {attribute_types.pop() + "S": sorted(content for _, content in elements)}
