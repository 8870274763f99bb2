"""DynamoDB's typed JSON: read into plain Python values with exact numbers, compared, and diffed.

The typed form is the one that Lambda delivers: numbers as text, binary as base64 text. Sources:
DynamoDB API reference, "AttributeValue"; developer guide, "Supported data types and naming rules".
This is own code because boto3's TypeDeserializer would load boto3 at each cold start; tests compare
it with boto3's.

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
"""An item: attribute names with their typed values."""

PlainValue = Any
"""str, int, Decimal, bytes, bool, None, list, dict, or a set of str, numbers or bytes."""

MAXIMUM_DEPTH = 32
"""Levels that DynamoDB allows (developer guide, "Quotas"). Deeper input would exhaust the stack."""

# Whole numbers that a double holds exactly: reading an int costs a third of reading a Decimal.
_SHORT_INTEGER = re.compile(r"0|-?[1-9]\d{0,14}", re.ASCII)
# Decimal() alone would also take underscores, spaces and NaN. DynamoDB's exponents have at most
# three digits.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# Such as the versions of a user: each image has two.
_SMALL_NUMBERS = {str(number): number for number in range(256)}


class MalformedValueError(ValueError):
    """A value that isn't typed as DynamoDB's are. The message never shows its content."""


def unmarshal_image(image: Json) -> dict[str, PlainValue]:
    """Return an item's attributes as plain values, or raise `MalformedValueError`."""
    if not is_object(image):
        raise MalformedValueError(f"expected an object of attributes, found {_json_type(image)}")
    plain: dict[str, PlainValue] = {}
    for name, value in image.items():
        try:
            # Most attributes of a batch are strings or small numbers: save them the calls below.
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
    """Return the plain value of one typed value, or raise `MalformedValueError`.

    `depth` counts the maps and lists around it.
    """
    try:
        ((attribute_type, content),) = value.items()
        read = _READERS[attribute_type]
    except (AttributeError, ValueError, KeyError):
        raise MalformedValueError(
            f"expected one of {', '.join(_READERS)} with its content, found {_json_type(value)}"
        ) from None
    return read(content, depth)


def _read_string(content: Json, _depth: int) -> str:
    if type(content) is not str:
        raise MalformedValueError(f"S must hold a string, not {_json_type(content)}")
    return content


def _read_number(content: Json, _depth: int) -> int | Decimal:
    if type(content) is str:
        if _SHORT_INTEGER.fullmatch(content):
            return int(content)
        if _NUMBER.fullmatch(content):
            return Decimal(content)
    raise MalformedValueError(f"N must hold a number written as a string, not {_json_type(content)}")


def _read_binary(content: Json, _depth: int) -> bytes:
    if type(content) is not str:
        raise MalformedValueError(f"B must hold base64 text, not {_json_type(content)}")
    try:
        return b64decode(content, validate=True)
    except (Base64Error, ValueError):
        raise MalformedValueError("B must hold base64 text, and its string isn't base64") from None


def _read_boolean(content: Json, _depth: int) -> bool:
    if type(content) is not bool:
        raise MalformedValueError(f"BOOL must hold true or false, not {_json_type(content)}")
    return content


def _read_null(content: Json, _depth: int) -> None:
    if content is not True:
        raise MalformedValueError(f"NULL must hold true, not {_json_type(content)}")


def _read_map(content: Json, depth: int) -> dict[str, PlainValue]:
    if not is_object(content):
        raise MalformedValueError(f"M must hold an object, not {_json_type(content)}")
    inner = _one_deeper(depth)
    return {name: unmarshal(value, inner) for name, value in content.items()}


def _read_list(content: Json, depth: int) -> list[PlainValue]:
    if not is_array(content):
        raise MalformedValueError(f"L must hold a list, not {_json_type(content)}")
    inner = _one_deeper(depth)
    return [unmarshal(element, inner) for element in content]


def _one_deeper(depth: int) -> int:
    if depth >= MAXIMUM_DEPTH:
        raise MalformedValueError(f"maps and lists nest deeper than the {MAXIMUM_DEPTH} levels DynamoDB allows")
    return depth + 1


def _set_reader(set_type: str, read: Callable[[Json, int], PlainValue]) -> Callable[[Json, int], set[PlainValue]]:
    def read_set(content: Json, depth: int) -> set[PlainValue]:
        if not is_array(content) or not content:  # DynamoDB has no empty sets
            raise MalformedValueError(f"{set_type} must hold a list of at least one element, not {_json_type(content)}")
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


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "another value")


_JSON_TYPES: dict[type, str] = {
    type(None): "null",
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


def convert_binary(value: AttributeValue, convert: Callable[[Any], Any]) -> AttributeValue:
    """Return the typed value with all its binary content converted.

    Lambda's events carry binary as base64 text; botocore takes and returns bytes.
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


def base64_text(content: bytes | str) -> str:
    """Return binary content as base64 text; text is taken for base64 already."""
    return content if isinstance(content, str) else b64encode(content).decode("ascii")


class AttributeChange(NamedTuple):
    """One attribute's typed value before and after; None where it didn't exist."""

    old: AttributeValue | None
    new: AttributeValue | None


# NamedTuple's own __new__ is written in Python, too slow for every attribute of a batch.
_attribute_change: Callable[[tuple[AttributeValue | None, AttributeValue | None]], AttributeChange] = partial(
    cast("Any", tuple).__new__, AttributeChange
)

Changes = dict[str, AttributeChange]
"""The changed attributes by name: those of the new image in its order, then the deleted ones."""


def diff_images(old: Image | None, new: Image | None) -> Changes:
    """Return what changed from one image to the next; None is an item that doesn't exist."""
    before, after = old or {}, new or {}
    return {name: _attribute_change((before.get(name), after.get(name))) for name in changed_names(before, after)}


def changed_names(old: Image, new: Image) -> list[str]:
    """Return the names of the attributes that differ, in the order of `Changes`."""
    if not old:
        return list(new)
    names = [
        name
        for name, value in new.items()
        # Most values are strings, which are the same only if they are equal.
        if (previous := old.get(name)) != value
        and (previous is None or "S" in value or not same_value(previous, value))
    ]
    if not old.keys() <= new.keys():
        names += [name for name in old if name not in new]
    return names


def same_value(first: AttributeValue, second: AttributeValue) -> bool:
    """Compare two typed values: sets in any order, 1.0 as 1, but never 1 as true."""
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
