"""Values in Pulumi's form and in the services': numbers, files, documents, tags, templates."""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pulumi

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest: the same files give the same bytes


class ResourceError(Exception):
    """A resource can't be made as described; the message says which, why and what to do.

    ResourceError
    ├── UnsupportedTypeError       registry.py: no handler for a Pulumi type
    ├── UnsupportedPropertyError   service_model.py: a property that must not be ignored silently
    └── MissingPropertyError       handler.py: a required property that isn't set
    """


def names(text: str) -> frozenset[str]:
    """Return the names that a text lists, separated by blanks."""
    return frozenset(text.split())


def plain_values(value: Any) -> Any:
    """Return a value from Pulumi's wire with whole numbers as `int` and without absent keys.

    Numbers are doubles there, and the services refuse `30.0` seconds. Source: Pulumi,
    resource.proto: properties are a google.protobuf.Struct, whose numbers are doubles.
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
    """Return the known form of a JSON document if the service's has the same value, else that.

    Services store a policy in their own spelling: blanks and the order of keys don't matter.
    """
    parsed = json.loads(live) if isinstance(live, str) else live
    if known is not None and json.loads(known) == parsed:
        return known
    return json.dumps(parsed)


def tag_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the keys to remove and the tags to set to get from the tags of `old` to `new`'s."""
    before: Mapping[str, str] = old.get("tags") or {}
    after: Mapping[str, str] = new.get("tags") or {}
    return (
        [key for key in before if key not in after],
        {key: value for key, value in after.items() if before.get(key) != value},
    )


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a format string, or each one of a list, with the values; or another constant.

    A format string of one field gives the field's value, whatever its type.
    """
    if isinstance(template, list):
        return [fill(item, values) for item in cast("list[Any]", template)]
    if not isinstance(template, str):
        return template
    if single := re.fullmatch(r"\{(\w+)\}", template):
        return values[single[1]]
    return template.format_map(values)


def read_template(template: str, text: str) -> dict[str, str]:
    """Return the values that the fields of a template were filled with to give a text.

    A field ends at the first occurrence of what follows it in the template.
    """
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template))
    match = re.fullmatch(pattern, text)
    return match.groupdict() if match else {}


def archive_bytes(archive: object) -> bytes:
    """Return the zip of a `FileArchive` of a zip file or folder, or of an `AssetArchive` of assets.

    Raise ResourceError for another type of archive, or a file that can't be read.
    """
    if isinstance(archive, pulumi.FileArchive):
        path = Path(archive.path)
        if path.is_dir():
            return _zip({file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*.*")})
        return _file_bytes(path)
    if isinstance(archive, pulumi.AssetArchive):
        return _zip({name: asset_bytes(asset) for name, asset in archive.assets.items()})
    raise ResourceError(f"the local stack can't read an archive of type {type(archive).__name__}")


def asset_bytes(asset: object) -> bytes:
    """Return the content of a `FileAsset` or a `StringAsset`; raise ResourceError as above."""
    if isinstance(asset, pulumi.FileAsset):
        return _file_bytes(Path(str(asset.path)))
    if isinstance(asset, pulumi.StringAsset):
        return asset.text.encode()
    raise ResourceError(f"the local stack can't read an asset of type {type(asset).__name__}")


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ResourceError(f"{path} can't be read: {error.strerror}") from error


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=_TIMESTAMP)
            archive.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
