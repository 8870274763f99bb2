"""The zip of a function: the sources its handler imports and, for Lambda, its wheels.

The same sources give the same bytes on every machine at any time, so a deployment changes a
function only if its code changed. `functions/<name>/requirements.txt` pins third-party packages;
for Lambda they are wheels of its platform (wheels.py), which needs no compiler and no Docker. On
this machine (`host`) functions run in the project's own environment, which has the same packages,
so a zip contains our sources only. botocore is part of Lambda's runtime
(docs/decisions/0012-botocore-from-the-runtime.md).
"""

import base64
import hashlib
import os
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from infra.naming import PROJECT_ROOT
from infra.packaging.imports import UnreadableSourceError, imported_sources
from infra.packaging.wheels import wheel_files

BUILD_DIRECTORY = PROJECT_ROOT / ".build"

Platform = Literal["lambda", "host"]

MAXIMUM_BYTES = 4 * 1024 * 1024
"""Our limit for a zip: a small one is downloaded and unpacked faster at a cold start."""

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest, for every file
_FILE_MODE = 0o100644
_UNIX = 3  # the creating system; for any other, readers ignore the mode


class FunctionPackageError(Exception):
    """A zip can't be built; the message says what is wrong and what to do."""


@dataclass(frozen=True, kw_only=True)
class FunctionPackage:
    """A built zip.

    Attributes:
        path: below .build/.
        handler: what Lambda calls.
        sha256_base64: hash of the bytes, as Lambda reports it (CodeSha256).
    """

    path: Path
    handler: str
    sha256_base64: str


def build_package(function_name: str, platform: Platform) -> FunctionPackage:
    """Build the zip of `functions/<function_name>`.

    Args:
        function_name: folder below functions/, for example `register_user`.
        platform: `lambda` for AWS, `host` for the stack on this machine.

    Returns:
        The zip, written to `.build/<platform>/<function_name>.zip`.

    Raises:
        FunctionPackageError: there is no such function, a source isn't Python, or the zip exceeds
            `MAXIMUM_BYTES`.
        WheelError: a third-party package can't be downloaded.
    """
    content = package_bytes(function_name, platform)
    path = BUILD_DIRECTORY / platform / f"{function_name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Replaced in one step, because two programs may build the same zip at once.
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
    return FunctionPackage(
        path=path,
        handler=f"functions.{function_name}.handler.handler",
        sha256_base64=sha256_base64(content),
    )


def sha256_base64(content: bytes) -> str:
    """Return the hash of a zip as Lambda reports it (CodeSha256)."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")


def package_bytes(function_name: str, platform: Platform) -> bytes:
    """Return the content of a function's zip; see `build_package`."""
    handler = PROJECT_ROOT / "functions" / function_name / "handler.py"
    if not handler.is_file():
        raise FunctionPackageError(f"no function '{function_name}': {handler.relative_to(PROJECT_ROOT)} does not exist")
    try:
        files = {
            source.relative_to(PROJECT_ROOT).as_posix(): source.read_bytes()
            for source in imported_sources(handler, PROJECT_ROOT)
        }
    except (UnreadableSourceError, OSError) as error:
        raise FunctionPackageError(str(error)) from error
    requirements = handler.with_name("requirements.txt")
    if platform == "lambda" and requirements.is_file():
        files |= wheel_files(requirements, BUILD_DIRECTORY / "wheels")
    content = _zip(files)
    if len(content) > MAXIMUM_BYTES:
        raise FunctionPackageError(
            f"the package of '{function_name}' has {len(content):,} bytes, more than {MAXIMUM_BYTES:,}: "
            f"drop a package from functions/{function_name}/requirements.txt"
        )
    return content


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_TIMESTAMP)
            entry.create_system = _UNIX
            entry.external_attr = _FILE_MODE << 16
            archive.writestr(entry, files[name], compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()
