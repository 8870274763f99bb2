"""The bytes behind Pulumi's assets and archives."""

import io
import zipfile
from pathlib import Path

import pulumi

from local.deploy.resources.resource_errors import ResourceError

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest: the same files give the same bytes


def archive_bytes(archive: object) -> bytes:
    """Return the zip of a `FileArchive` of a zip file or folder, or of an `AssetArchive` of assets.

    Raises:
        ResourceError: another type of archive, or a file that can't be read.
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
    """Return the content of a `FileAsset` or a `StringAsset`.

    Raises:
        ResourceError: another type of asset, or a file that can't be read.
    """
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
