"""The zip of a function: the sources its handler imports and, for Lambda, its wheels.

The same sources give the same bytes on every machine at any time, so a deployment changes a
function only if its code changed. `functions/<name>/requirements.txt` pins the contents of
third-party packages; for Lambda they are wheels of its platform (wheels.py), which needs no
compiler and no Docker. On this machine (`host`) functions run in the project's own environment,
which has the same packages, so a zip contains our sources only. botocore is part of Lambda's
runtime (docs/decisions/0012-botocore-from-the-runtime.md).
"""

import ast
import base64
import hashlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal

from infra.naming import PROJECT_ROOT
from infra.settings.types import NEWEST_RUNTIME, FunctionRuntime
from infra.wheels import wheel_files

# Find the modules below functions/ that a handler imports, by parsing and without running them.

PACKAGE = "functions"


class UnreadableSourceError(Exception):
    """A source can't be read or isn't Python; the message has the file, the line and the reason."""


def imported_sources(module: Path, root: Path) -> list[Path]:
    """Follow the imports of `functions.*` from one module.

    Args:
        module: a source file below `root/functions`.
        root: the folder that contains `functions`.

    Returns:
        The module, every module of ours that it imports, directly or not, and the `__init__.py` of
        their packages; sorted. Imports inside functions and under `if TYPE_CHECKING` count too.

    Raises:
        UnreadableSourceError: one of them can't be read, or isn't Python.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        source = waiting.pop()
        if source in found:
            continue
        found.add(source)
        waiting += _packages_above(source, root)
        for name in _imported_names(source, root):
            waiting += _files(name, root)
    return sorted(found)


def _imported_names(source: Path, root: Path) -> tuple[str, ...]:
    """Return the dotted names below `functions` in a file; some name an attribute, not a module."""
    try:
        text = source.read_bytes()
    except OSError as error:
        raise UnreadableSourceError(_described(error, source, root)) from error
    return _names_in(text, source, root)


@lru_cache(maxsize=1024)
def _names_in(text: bytes, source: Path, root: Path) -> tuple[str, ...]:
    """Return the names in a file's text. Kept, because most functions share most files."""
    return tuple(_names_of(_parsed(text, source, root), source, root))


def _names_of(module: ast.Module, source: Path, root: Path) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, source, root)
            names = [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def _parsed(text: bytes, source: Path, root: Path) -> ast.Module:
    try:
        return ast.parse(text, filename=str(source))
    except SyntaxError as error:
        where = source.relative_to(root).as_posix()
        line = f", line {error.lineno}" if error.lineno else ""
        raise UnreadableSourceError(f"SyntaxError: {error.msg}  ({where}{line})") from error
    # The parser raises ValueError for a NUL in some versions of Python, and the last two for too
    # deep nesting.
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(_described(error, source, root)) from error


def _described(error: Exception, source: Path, root: Path) -> str:
    return f"{type(error).__name__}: {error}  ({source.relative_to(root).as_posix()})"


def _origin(node: ast.ImportFrom, source: Path, root: Path) -> str:
    """Return the absolute name of the module in `from <module> import ...`."""
    if not node.level:
        return node.module or ""
    package = source.parent.relative_to(root).parts
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _files(name: str, root: Path) -> list[Path]:
    path = root.joinpath(*name.split("."))
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    return [candidate for candidate in candidates if candidate.is_file()]


def _packages_above(source: Path, root: Path) -> list[Path]:
    folders = [folder for folder in source.parents if folder != root and root in folder.parents]
    return [folder / "__init__.py" for folder in folders if (folder / "__init__.py").is_file()]


# The zip.

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
        runtime: Lambda's, which the packages in the zip are for.
        sha256_base64: hash of the bytes, as Lambda reports it (CodeSha256).
    """

    path: Path
    handler: str
    runtime: FunctionRuntime
    sha256_base64: str


def build_package(function_name: str, platform: Platform, runtime: FunctionRuntime = NEWEST_RUNTIME) -> FunctionPackage:
    """Build the zip of `functions/<function_name>`.

    Args:
        function_name: folder below functions/, for example `register_user`.
        platform: `lambda` for AWS, `host` for the stack on this machine.
        runtime: Lambda's, for the packages of `lambda`.

    Returns:
        The zip, written to `.build/<platform>/<function_name>.zip`.

    Raises:
        FunctionPackageError: there is no such function, a source isn't Python, or the zip exceeds
            `MAXIMUM_BYTES`.
        WheelError: a third-party package isn't pinned, or can't be downloaded.
    """
    content = package_bytes(function_name, platform, runtime)
    path = BUILD_DIRECTORY / platform / f"{function_name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Replaced in one step, because two programs may build the same zip at once.
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
    return FunctionPackage(
        path=path,
        handler=f"functions.{function_name}.handler.handler",
        runtime=runtime,
        sha256_base64=sha256_base64(content),
    )


def sha256_base64(content: bytes) -> str:
    """Return the hash of a zip as Lambda reports it (CodeSha256)."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")


def package_bytes(function_name: str, platform: Platform, runtime: FunctionRuntime = NEWEST_RUNTIME) -> bytes:
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
        files |= wheel_files(requirements, runtime, BUILD_DIRECTORY / "wheels")
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
