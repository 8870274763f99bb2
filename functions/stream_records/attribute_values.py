"""DynamoDB's typed JSON to plain Python values and back, for every attribute type, with numbers exact.

The typed form is the one Lambda delivers: numbers as text, binary as base64 text. Sources: DynamoDB API reference,
"AttributeValue"; developer guide, "Supported data types and naming rules". Own code, since boto3's TypeDeserializer
would load boto3 at each cold start; the tests hold it against boto3's.

| type       | typed form                         | plain value                      |
| ---------- | ---------------------------------- | -------------------------------- |
| S          | `{"S": "text"}`                    | str                              |
| N          | `{"N": "1.50"}`                    | int or Decimal, all its digits   |
| B          | `{"B": "AQI="}`                    | bytes                            |
| BOOL, NULL | `{"BOOL": true}`, `{"NULL": true}` | bool, None                       |
| M, L       | `{"M": {...}}`, `{"L": [...]}`     | dict, list                       |
| SS, NS, BS | `{"SS": ["a", "b"]}`               | set of str, of numbers, of bytes |
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, cast

from functions.runtime.json_log import Json, is_array, is_object

AttributeValue = dict[str, Any]
"""One typed value: a dict of exactly one type and its content."""

Image = dict[str, AttributeValue]
"""An item as the stream shows it: attribute names with their typed values."""

PlainValue = Any
"""str, int, Decimal, bytes, bool, None, list, dict, or a set of str, numbers or bytes."""

MAXIMUM_DEPTH = 32
"""Levels of nesting DynamoDB allows (developer guide, "Quotas"). Deeper input is made up, and exhausts the stack."""

# Decimal() alone would also take underscores, spaces and NaN; DynamoDB's exponents have at most three digits.
# Whole numbers that a double holds too: read as int, which costs a third of a Decimal and goes to JSON as it is.
_SHORT_INTEGER = re.compile(r"0|-?[1-9]\d{0,14}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)

# As the versions of a user are written, of which each image has two.
_SMALL_NUMBERS = {str(number): number for number in range(256)}


class MalformedValueError(ValueError):
    """A value that isn't typed as DynamoDB's are. The message names types, never contents: those may be personal."""


def unmarshal_image(image: Json) -> dict[str, PlainValue]:
    """Return an item's attributes as plain values.

    Raises:
        MalformedValueError: The image is no object, or an attribute (named) isn't typed as DynamoDB's are.
    """
    if not is_object(image):
        raise MalformedValueError(f"expected an object of attributes, found {_kind(image)}")
    plain: dict[str, PlainValue] = {}
    for name, value in image.items():
        try:
            # Most attributes are strings or small numbers, and a batch holds thousands: these are spared the calls.
            if value.__class__ is dict and len(value) == 1:
                if (text := value.get("S")).__class__ is str:
                    plain[name] = text
                    continue
                if (digits := value.get("N")).__class__ is str and (number := _SMALL_NUMBERS.get(digits)) is not None:
                    plain[name] = number
                    continue
            plain[name] = unmarshal(value)
        except MalformedValueError as error:
            raise MalformedValueError(f"attribute {name}: {error}") from None
    return plain


def unmarshal(value: Json, depth: int = 0) -> PlainValue:
    """Return the plain value of one typed value; `depth` counts the maps and lists around it.

    Raises:
        MalformedValueError: The value isn't typed as DynamoDB's are, or nests deeper than DynamoDB allows.
    """
    try:
        ((attribute_type, content),) = value.items()
        read = _READERS[attribute_type]
    except (AttributeError, ValueError, KeyError):
        raise MalformedValueError(
            f"expected one of {', '.join(_READERS)} with its content, found {_kind(value)}"
        ) from None
    return read(content, depth)


def _read_string(content: Json, _depth: int) -> str:
    if type(content) is not str:
        raise MalformedValueError(f"S must hold a string, not {_kind(content)}")
    return content


def _read_number(content: Json, _depth: int) -> int | Decimal:
    if type(content) is str:
        if _SHORT_INTEGER.fullmatch(content):
            return int(content)
        if _NUMBER.fullmatch(content):
            return Decimal(content)
    raise MalformedValueError(f"N must hold a number written as a string, not {_kind(content)}")


def _read_binary(content: Json, _depth: int) -> bytes:
    if type(content) is not str:
        raise MalformedValueError(f"B must hold base64 text, not {_kind(content)}")
    try:
        return b64decode(content, validate=True)
    except (Base64Error, ValueError):
        raise MalformedValueError("B must hold base64 text, and what it holds is none") from None


def _read_boolean(content: Json, _depth: int) -> bool:
    if type(content) is not bool:
        raise MalformedValueError(f"BOOL must hold true or false, not {_kind(content)}")
    return content


def _read_null(content: Json, _depth: int) -> None:
    if content is not True:
        raise MalformedValueError(f"NULL must hold true, not {_kind(content)}")


def _read_map(content: Json, depth: int) -> dict[str, PlainValue]:
    if not is_object(content):
        raise MalformedValueError(f"M must hold an object, not {_kind(content)}")
    inner = _one_deeper(depth)
    return {name: unmarshal(value, inner) for name, value in content.items()}


def _read_list(content: Json, depth: int) -> list[PlainValue]:
    if not is_array(content):
        raise MalformedValueError(f"L must hold a list, not {_kind(content)}")
    inner = _one_deeper(depth)
    return [unmarshal(element, inner) for element in content]


def _one_deeper(depth: int) -> int:
    if depth >= MAXIMUM_DEPTH:
        raise MalformedValueError(f"maps and lists nest deeper than the {MAXIMUM_DEPTH} levels DynamoDB allows")
    return depth + 1


def _set_reader(set_type: str, read: Callable[[Json, int], PlainValue]) -> Callable[[Json, int], set[PlainValue]]:
    def read_set(content: Json, depth: int) -> set[PlainValue]:
        if not is_array(content) or not content:  # DynamoDB has no empty sets
            raise MalformedValueError(f"{set_type} must hold a list of at least one element, not {_kind(content)}")
        return {read(element, depth) for element in content}

    return read_set


_READERS: dict[str, Callable[[Json, int], PlainValue]] = {
    "S": _read_string,
    "N": _read_number,
    "B": _read_binary,
    "BOOL": _read_boolean,
    "NULL": _read_null,
    "M": _read_map,
    "L": _read_list,
    "SS": _set_reader("SS", _read_string),
    "NS": _set_reader("NS", _read_number),
    "BS": _set_reader("BS", _read_binary),
}


def _kind(value: object) -> str:
    """Name a value's JSON type, and never its content."""
    if value is None:
        return "null"
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "another value"


_KINDS = ((dict, "an object"), (list, "a list"), (str, "a string"), (bool, "a boolean"), (int | float, "a number"))


def marshal_image(plain: dict[str, PlainValue]) -> Image:
    """Return an item's attributes typed; the inverse of `unmarshal_image`."""
    return {name: marshal(value) for name, value in plain.items()}


def marshal(value: PlainValue) -> AttributeValue:
    """Return one plain value typed; the inverse of `unmarshal`. An int is taken as the number it is.

    Raises:
        TypeError: DynamoDB has no type for it: a float (not exact), an empty set, a set of mixed types, anything else.
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


def same_value(first: AttributeValue, second: AttributeValue) -> bool:
    """Tell whether two typed values are one value: sets in any order, numbers by what they count, never 1 for true."""
    if first == second:
        return True
    ((first_type, first_content),) = first.items()
    ((second_type, second_content),) = second.items()
    if first_type != second_type or first_type == "S":
        return False
    if first_type == "N":
        return _read_number(first_content, 0) == _read_number(second_content, 0)
    if first_type == "M":
        return first_content.keys() == second_content.keys() and all(
            same_value(value, second_content[name]) for name, value in first_content.items()
        )
    if first_type == "L":
        return len(first_content) == len(second_content) and all(map(same_value, first_content, second_content))
    return unmarshal(first) == unmarshal(second)


def convert_binary(value: AttributeValue, convert: Callable[[Any], Any]) -> AttributeValue:
    """Return the typed value with every binary content in it converted.

    Lambda's events carry binary as base64 text, botocore takes and gives bytes: each way is one call of this.
    """
    ((attribute_type, content),) = value.items()
    if attribute_type == "B":
        return {"B": convert(content)}
    if attribute_type == "BS":
        return {"BS": [convert(element) for element in content]}
    if attribute_type == "M":
        return {"M": {name: convert_binary(member, convert) for name, member in content.items()}}
    if attribute_type == "L":
        return {"L": [convert_binary(element, convert) for element in content]}
    return value


# What changed between two images of one item, and the way back: `apply_changes(old,
# diff_images(old, new)) == new`.


class FieldChange(NamedTuple):
    """One attribute's typed value before and after; None where it wasn't there."""

    old: AttributeValue | None
    new: AttributeValue | None


# NamedTuple's own __new__ is Python, and every attribute of a batch's new users would pay for that.
_field_change: Callable[[tuple[AttributeValue | None, AttributeValue | None]], FieldChange] = partial(
    cast("Any", tuple).__new__, FieldChange
)

Changes = dict[str, FieldChange]
"""The changed attributes by name: the new image's in its order, then those that are gone."""


def diff_images(old: Image | None, new: Image | None) -> Changes:
    """Return what changed from one image to the next; None is an item that isn't there."""
    before, after = old or {}, new or {}
    return {name: _field_change((before.get(name), after.get(name))) for name in changed_names(before, after)}


def changed_names(old: Image, new: Image) -> list[str]:
    """Return the names of the attributes that differ: the new image's in its order, then those that are gone."""
    if not old:
        return list(new)
    names = [
        name
        for name, value in new.items()
        # Most values are strings, which are the same only when they are equal.
        if (previous := old.get(name)) != value
        and (previous is None or "S" in value or not same_value(previous, value))
    ]
    if not old.keys() <= new.keys():
        names += [name for name in old if name not in new]
    return names


def apply_changes(old: Image | None, changes: Changes) -> Image:
    """Return the image that follows `old` by these changes."""
    image = dict(old or {})
    for name, change in changes.items():
        if change.new is None:
            image.pop(name, None)
        else:
            image[name] = change.new
    return image
