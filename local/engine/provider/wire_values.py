"""Between the values of the provider protocol, which are JSON with marked maps among them, and plain ones.

`pulumi.provider.experimental` has a conversion too. It drops the hash of an archive, by which alone the engine tells
an old one, and so can't read back what it wrote.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

import pulumi
from google.protobuf import json_format, struct_pb2

from local.deploy.resources.values import plain_values

MARK = "4dabf18193072939515e22adb298388d"
ARCHIVE_MARK = "0def7320c3a5731c473e5ecbe6d01bc7"
ASSET_MARK = "c44067f5952c0a294b673a41bacd8c17"
SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  the same in every stack
"""What tells a map that stands for something else. Source: Pulumi SDK, sdk/go/common/resource/sig."""


class WireArchive(pulumi.FileArchive):
    """An archive of the engine's: a file and the hash of its content, or for an old one the hash alone."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        super().__init__(wire.get("path", ""))  # pyright: ignore[reportUnknownMemberType]  the SDK's bare PathLike
        self.wire = wire


class WireFile(pulumi.FileAsset):
    """A file of the engine's, with the hash of its content."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        super().__init__(wire.get("path", ""))  # pyright: ignore[reportUnknownMemberType]  as above
        self.wire = wire


class WireText(pulumi.StringAsset):
    """A text of the engine's, with its hash; for an old one the hash alone."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        super().__init__(wire.get("text", ""))
        self.wire = wire


def from_wire(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Plain values: whole numbers as `int`, no absent keys; what isn't known yet stays the protocol's marker."""
    return plain_json(json_format.MessageToDict(properties))


def plain_json(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The same, from JSON: also how a stack's state holds its resources."""
    return plain_values(_plain(properties))


def to_wire(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """The protocol's values.

    Raises:
        ValueError: a value that the protocol has no form for.
    """
    struct = struct_pb2.Struct()
    struct.update(json_values(properties))
    return struct


def json_values(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The same, as JSON: as a stack's state holds them."""
    return _wire(properties)


def is_secret(value: Any) -> bool:
    """Whether a value of a stack's state is marked as secret."""
    return isinstance(value, Mapping) and cast("Mapping[str, Any]", value).get(MARK) == SECRET_MARK


def same_value(old: Any, new: Any) -> bool:
    """Whether two plain values are the same; assets and archives are when their contents are."""
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
    match fields.get(MARK):
        case str(mark) if mark == SECRET_MARK:
            # On the wire it has a value, in an exported state the value's JSON.
            return _plain(fields["value"] if "value" in fields else json.loads(fields["plaintext"]))
        case str(mark) if mark == ARCHIVE_MARK:
            return WireArchive(fields)
        case str(mark) if mark == ASSET_MARK:
            return WireFile(fields) if "path" in fields else WireText(fields)
        case _:
            return {name: _plain(item) for name, item in fields.items()}


def _wire(value: Any) -> Any:
    if isinstance(value, WireArchive | WireFile | WireText):
        return dict(value.wire)
    if isinstance(value, Mapping):
        return {name: _wire(item) for name, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_wire(item) for item in cast("list[Any]", value)]
    return value
