"""Convert between plain values and the provider protocol's JSON with marked maps.

`pulumi.provider.experimental` has a conversion too, but it drops the hash of an archive, the only
thing that identifies an old one, so it can't read what it wrote.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

import pulumi
from google.protobuf import json_format, struct_pb2

from local.deploy.values import plain_values

_MARK = "4dabf18193072939515e22adb298388d"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  the same in every stack
"""The key and the values that mark a map. Source: Pulumi SDK, sdk/go/common/resource/sig."""


class WireArchive(pulumi.FileArchive):
    """A file and the hash of its content; an old archive has only the hash."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        super().__init__(wire.get("path", ""))  # pyright: ignore[reportUnknownMemberType]  the SDK's bare PathLike
        self.wire = wire


class WireFile(pulumi.FileAsset):
    """A file and the hash of its content."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        super().__init__(wire.get("path", ""))  # pyright: ignore[reportUnknownMemberType]  as above
        self.wire = wire


class WireText(pulumi.StringAsset):
    """A text and its hash; an old text has only the hash."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        super().__init__(wire.get("text", ""))
        self.wire = wire


def from_wire(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Return plain values, whole numbers as `int`; an unknown value stays the protocol's marker."""
    return plain_json(json_format.MessageToDict(properties))


def plain_json(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values from JSON, the form that resources have in a stack's state."""
    return plain_values(_plain(properties))


def to_wire(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return the protocol's values; raise ValueError for one that it can't express."""
    struct = struct_pb2.Struct()
    struct.update(json_value(properties))
    return struct


def json_value(value: Any) -> Any:
    """Return JSON of a plain value, the form that it has in a stack's state."""
    if isinstance(value, WireArchive | WireFile | WireText):
        return dict(value.wire)
    if isinstance(value, Mapping):
        return {name: json_value(item) for name, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in cast("list[Any]", value)]
    return value


def is_secret(value: Any) -> bool:
    """Say whether a value of a stack's state is marked as secret."""
    return isinstance(value, Mapping) and cast("Mapping[str, Any]", value).get(_MARK) == _SECRET


def same_value(old: Any, new: Any) -> bool:
    """Compare two plain values; assets and archives are the same if their contents are."""
    if isinstance(new, WireArchive | WireFile | WireText):
        kinds = (WireArchive,) if isinstance(new, WireArchive) else (WireFile, WireText)
        return isinstance(old, kinds) and old.wire["hash"] == new.wire["hash"]
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        before, after = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        return before.keys() == after.keys() and all(same_value(before[key], after[key]) for key in after)
    return old == new


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    match fields.get(_MARK):
        case str(mark) if mark == _SECRET:
            # On the wire it holds the value, in an exported state the value's JSON.
            return _plain(fields["value"] if "value" in fields else json.loads(fields["plaintext"]))
        case str(mark) if mark == _ARCHIVE:
            return WireArchive(fields)
        case str(mark) if mark == _ASSET:
            return WireFile(fields) if "path" in fields else WireText(fields)
        case _:
            return {name: _plain(item) for name, item in fields.items()}
