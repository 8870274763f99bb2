"""Names for what `json.loads` gives, and the two questions one asks of it."""

from typing import Any, TypeGuard

Json = Any
"""dict with str keys, list, str, int, float, bool or None."""

JsonObject = dict[str, Any]


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Tell whether the value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Json]]:
    """Tell whether the value is a JSON array."""
    return isinstance(value, list)
