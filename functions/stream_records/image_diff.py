"""What changed between two images of one item, and the way back: `apply_changes(old, diff_images(old, new)) == new`."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

from functions.stream_records.attribute_values import AttributeValue, Image, same_value


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
