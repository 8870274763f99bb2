"""Hot reload: deploy the functions whose package an edit changed, if they can still be imported."""

import contextlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from infra.naming import PROJECT_ROOT
from infra.packaging import FunctionPackageError, Platform, package_bytes, sha256_base64
from infra.settings.types import FunctionRuntime
from infra.wheels import WheelError
from local.live_version import make_live
from local.process import child_environment

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_SOURCES = PROJECT_ROOT / "functions"
_IMPORT_SECONDS = 30


class Reload(NamedTuple):
    """The result of an edit for one function."""

    function_name: str
    problem: str | None  # why the function keeps its code; None if the edit is live


class HotReload:
    """Compares the sources of functions with their deployed packages."""

    def __init__(
        self, lambda_: "LambdaClient", functions: Mapping[str, str], platform: Platform, runtime: FunctionRuntime
    ) -> None:
        """Ask Lambda for the deployed packages' hashes: a source may have been edited since.

        `functions` maps a folder below functions/ to the function's name in the account.
        """
        self._lambda = lambda_
        self._functions = functions
        self._platform: Platform = platform
        self._runtime: FunctionRuntime = runtime
        self._sources: dict[str, tuple[int, int]] = {}
        self._tried = {
            folder: lambda_.get_function_configuration(FunctionName=name)["CodeSha256"]
            for folder, name in functions.items()
        }

    def deploy_edits(self) -> list[Reload]:
        """Deploy what was edited since the last call, or try again what Lambda refused."""
        sources = _sources()
        if sources == self._sources:
            return []
        edited: dict[str, bytes] = {}
        reloads: list[Reload] = []
        # One after the other: CPython's `ast`, which finds the imports, may raise SystemError in
        # two threads at once.
        for folder, function_name in self._functions.items():
            try:
                package = package_bytes(folder, self._platform, self._runtime)
            except (FunctionPackageError, WheelError) as error:
                reloads.append(Reload(function_name, str(error)))
                continue
            if sha256_base64(package) != self._tried[folder]:
                edited[folder] = package
        # In parallel: an edit of a module that all functions share must be live as soon as one of a
        # single function.
        with ThreadPoolExecutor() as threads:
            reloads += threads.map(self._deploy, edited, edited.values())
        self._sources = sources
        return reloads

    def _deploy(self, folder: str, package: bytes) -> Reload:
        problem = import_problem(folder, package)
        if problem is None:
            self._lambda.update_function_code(FunctionName=self._functions[folder], ZipFile=package)
            make_live(self._lambda, self._functions[folder])
        self._tried[folder] = sha256_base64(package)
        return Reload(self._functions[folder], problem)


def import_problem(folder: str, package: bytes) -> str | None:
    """Import a package's handler as Lambda would; return why it fails, or None."""
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
            return _error_and_place(str(error.stderr), directory)
    return None


def _error_and_place(traceback: str, directory: str) -> str:
    """Return a traceback's last line and its innermost place."""
    lines = traceback.strip().splitlines() or ["it ended without output"]
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    place = places[-1].replace(f"{directory}/", "") if places else ""
    return f"{lines[-1]}  ({place})" if place else lines[-1]


def _sources() -> dict[str, tuple[int, int]]:
    """Return the modification time and size of every source; an editor's save changes one."""
    found: dict[str, tuple[int, int]] = {}
    for folder, folders, files in os.walk(_SOURCES):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            if name.endswith(".py") or name == "requirements.txt":
                path = os.path.join(folder, name)  # noqa: PTH118  twice a second for every file: text is faster
                with contextlib.suppress(FileNotFoundError):  # Editors rename while they save.
                    status = os.stat(path)  # noqa: PTH116  as above
                    found[path] = (status.st_mtime_ns, status.st_size)
    return found
