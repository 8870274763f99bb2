"""Edited functions go live while the stack runs: only those whose package changed, and only if they still import."""

import contextlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from infra.naming import PROJECT_ROOT
from infra.packaging.wheels import WheelError
from infra.packaging.zip import FunctionPackageError, Platform, package_bytes, sha256_base64
from local.process import child_environment

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


# Whether a function would start: its package, unpacked and imported in a process of its own as
# Lambda would do.

_IMPORT_SECONDS = 30


def import_problem(folder: str, package: bytes) -> str | None:
    """Why a package's handler can't be imported, or None where it can.

    Args:
        folder: of the function.
        package: its zip.
    """
    with tempfile.TemporaryDirectory() as directory:
        zipfile.ZipFile(BytesIO(package)).extractall(directory)
        try:
            subprocess.run(
                [sys.executable, "-c", f"import functions.{folder}.handler as it; it.handler"],
                cwd=directory,
                env=child_environment(os.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_IMPORT_SECONDS,
                check=True,
            )
        except subprocess.TimeoutExpired:
            return f"importing it takes more than {_IMPORT_SECONDS} s"
        except subprocess.CalledProcessError as error:
            return _last_words(str(error.stderr), directory)
    return None


def _last_words(traceback: str, directory: str) -> str:
    """A traceback's innermost place and its last line."""
    lines = traceback.strip().splitlines() or ["it ended without a word"]
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    place = places[-1].replace(f"{directory}/", "") if places else ""
    return f"{lines[-1]}  ({place})" if place else lines[-1]


SOURCES = PROJECT_ROOT / "functions"


@dataclass(frozen=True, kw_only=True)
class Reload:
    """What became of one function after an edit.

    Attributes:
        folder: of the function, below functions/.
        function_name: in the account.
        problem: why the code before the edit goes on; None where the edit is live.
    """

    folder: str
    function_name: str
    problem: str | None


class HotReload:
    """Compares the functions' sources with what is deployed, at each `look`."""

    def __init__(self, lambda_: "LambdaClient", functions: Mapping[str, str], platform: Platform) -> None:
        """Ask Lambda what is deployed: a source may have been edited since its package was built.

        Args:
            lambda_: client.
            functions: folder below functions/ to the function's name in the account.
            platform: what packages are built for.

        Raises:
            botocore.exceptions.ClientError: Lambda doesn't know one of the functions.
        """
        self._lambda = lambda_
        self._functions = functions
        self._platform: Platform = platform
        self._sources: dict[str, tuple[int, int]] = {}
        self._tried = {
            folder: lambda_.get_function_configuration(FunctionName=name)["CodeSha256"]
            for folder, name in functions.items()
        }

    def look(self) -> list[Reload]:
        """Bring to life what was edited since the last look.

        Raises:
            botocore.exceptions.ClientError: Lambda refused a package; the next look tries again.
            botocore.exceptions.BotoCoreError: Lambda can't be reached; the same.
        """
        sources = _snapshot()
        if sources == self._sources:
            return []
        edited: dict[str, bytes] = {}
        reloads: list[Reload] = []
        # One after the other: CPython's `ast`, which finds the imports, may raise SystemError in two threads at once.
        for folder, function_name in self._functions.items():
            try:
                package = package_bytes(folder, self._platform)
            except (FunctionPackageError, WheelError) as error:
                reloads.append(Reload(folder=folder, function_name=function_name, problem=str(error)))
                continue
            if sha256_base64(package) != self._tried[folder]:
                edited[folder] = package
        # At the same time: an edit of what all functions share is to be live as soon as one of a single function.
        with ThreadPoolExecutor() as threads:
            reloads += threads.map(self._reload, edited, edited.values())
        self._sources = sources
        return reloads

    def _reload(self, folder: str, package: bytes) -> Reload:
        function_name = self._functions[folder]
        problem = import_problem(folder, package)
        if problem is None:
            self._lambda.update_function_code(FunctionName=function_name, ZipFile=package)
        self._tried[folder] = sha256_base64(package)
        return Reload(folder=folder, function_name=function_name, problem=problem)


def _snapshot() -> dict[str, tuple[int, int]]:
    """Every source with its time of change and its size; an editor's save changes one of them."""
    found: dict[str, tuple[int, int]] = {}
    for folder, folders, files in os.walk(SOURCES):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            if name.endswith(".py") or name == "requirements.txt":
                path = os.path.join(folder, name)  # noqa: PTH118  twice a second over every file: plain text is quicker
                with contextlib.suppress(FileNotFoundError):  # Editors rename while they save.
                    status = os.stat(path)  # noqa: PTH116  as above
                    found[path] = (status.st_mtime_ns, status.st_size)
    return found
