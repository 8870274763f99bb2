"""What an item of Activity leaves out, so that the table takes it.

An item has both values of each changed attribute, an item of Users one, so two images of up to
400 KB may make an item that is larger. It then leaves out values, the former ones first, because
the history has each of them as the new value of an earlier change; of those the largest first:

    "changes": {"about": {"new": {"S": "..."}, "omitted": {"old": 390000}}}

`omitted` has the bytes of each value that existed and isn't there. A value that nests as deep as
DynamoDB allows would be two levels deeper here, and is left out too. Of a change of so many
attributes that their names alone are too large, the item has as many as it can hold, and in
`omittedFields` how many more changed.

Sizes: DynamoDB developer guide, "DynamoDB item sizes and formats". It calls a number's approximate,
so sizes here are rounded up, and an item stays 9,600 bytes below the limit.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from functions.stream_records.attribute_values import MAXIMUM_DEPTH, AttributeValue, Changes, Image

MAXIMUM_ITEM_BYTES = 400_000
"""DynamoDB takes 409,600 (developer guide, "Quotas")."""

OLD, NEW, OMITTED = "old", "new", "omitted"
OMITTED_FIELDS = "omittedFields"

_DEPTH_AROUND_VALUES = 2  # `changes`, and an attribute in it
_ELEMENT_BYTES = 1
_COLLECTION_BYTES = 3
_LONGEST_NUMBER_BYTES = 22
_MARK_BYTES = len(OMITTED) + _COLLECTION_BYTES + 2 * (len(OLD) + 2 * _ELEMENT_BYTES + 5) + _ELEMENT_BYTES
_FIELDS_MARK_BYTES = len(OMITTED_FIELDS) + _LONGEST_NUMBER_BYTES

_SURELY_SMALL_CHARACTERS = 95_000  # of up to four bytes
_FIELD_CHARACTERS = 20  # of one attribute in `changes`, besides its name and values


def is_surely_small(changes: Changes) -> bool:
    """Say, at little cost, whether both images are texts and numbers far below the limit."""
    characters = 0
    for name, sides in changes.items():
        characters += len(name) + _FIELD_CHARACTERS
        for value in sides:
            if value is not None:
                content: Any = value.get("S") if "S" in value else value.get("N")
                if content.__class__ is not str:
                    return False
                characters += len(content)
    return characters < _SURELY_SMALL_CHARACTERS


def fitting_item(item: Image) -> Image:
    """Return the item as the table takes it: the same, or a copy that leaves out values."""
    fields: dict[str, AttributeValue] = item["changes"]["M"]
    kept = {name: dict(field["M"]) for name, field in fields.items()}
    marks: dict[str, dict[str, AttributeValue]] = {}
    excess = item_bytes(item) - MAXIMUM_ITEM_BYTES
    for side, name, size in _in_order(kept):
        too_deep = _depth(kept[name][side]) > MAXIMUM_DEPTH - _DEPTH_AROUND_VALUES
        if not too_deep and (excess <= 0 or size <= _MARK_BYTES):
            continue
        del kept[name][side]
        excess -= size - (0 if name in marks else _MARK_BYTES)
        marks.setdefault(name, {})[side] = {"N": str(size)}
    if not marks and excess <= 0:
        return item
    changes = {
        name: {"M": {**sides, **({OMITTED: {"M": marks[name]}} if name in marks else {})}}
        for name, sides in kept.items()
    }
    smaller = {**item, "changes": {"M": changes}}
    return smaller if item_bytes(smaller) <= MAXIMUM_ITEM_BYTES else _with_fewer_fields(smaller)


def _in_order(fields: Mapping[str, Mapping[str, AttributeValue]]) -> list[tuple[str, str, int]]:
    """Return each value's side, name and bytes, in the order in which they are left out."""
    sizes = [
        (side, name, value_bytes(sides[side])) for name, sides in fields.items() for side in (OLD, NEW) if side in sides
    ]
    return sorted(sizes, key=lambda each: (each[0] != OLD, -each[2], each[1]))


def _with_fewer_fields(item: Image) -> Image:
    fields: dict[str, AttributeValue] = item["changes"]["M"]
    room = MAXIMUM_ITEM_BYTES - _FIELDS_MARK_BYTES - item_bytes({**item, "changes": {"M": {}}})
    kept: dict[str, AttributeValue] = {}
    for size, name in sorted((_member_bytes(name, field), name) for name, field in fields.items()):
        if size > room:
            break
        room -= size
        kept[name] = fields[name]
    omitted = int(item.get(OMITTED_FIELDS, {"N": "0"})["N"]) + len(fields) - len(kept)
    return {**item, "changes": {"M": kept}, OMITTED_FIELDS: {"N": str(omitted)}}


def item_bytes(item: Image) -> int:
    """Return at least an item's size as DynamoDB counts it."""
    return sum(_text_bytes(name) + value_bytes(value) for name, value in item.items())


def value_bytes(value: AttributeValue) -> int:
    """Return at least a value's size as DynamoDB counts it; binary may be base64 text."""
    ((attribute_type, content),) = value.items()
    if attribute_type == "M":
        return _COLLECTION_BYTES + sum(_member_bytes(name, member) for name, member in content.items())
    if attribute_type == "L":
        return _COLLECTION_BYTES + sum(_ELEMENT_BYTES + value_bytes(element) for element in content)
    if attribute_type in ("SS", "NS", "BS"):
        return _COLLECTION_BYTES + sum(_ELEMENT_BYTES + _scalar_bytes(attribute_type[0], each) for each in content)
    return _scalar_bytes(attribute_type, content)


def _scalar_bytes(attribute_type: str, content: str | bytes) -> int:
    if attribute_type == "S" and isinstance(content, str):
        return _text_bytes(content)
    if attribute_type == "N":
        return min(len(content) // 2 + 2, _LONGEST_NUMBER_BYTES)
    return len(content) if attribute_type == "B" else 1


def _member_bytes(name: str, value: AttributeValue) -> int:
    return _ELEMENT_BYTES + _text_bytes(name) + value_bytes(value)


def _text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _depth(value: AttributeValue) -> int:
    """Return how many maps and lists are within each other."""
    ((attribute_type, content),) = value.items()
    if attribute_type not in ("M", "L"):
        return 0
    members: Iterable[AttributeValue] = content.values() if attribute_type == "M" else content
    return 1 + max(map(_depth, members), default=0)
