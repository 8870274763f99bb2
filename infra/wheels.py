"""Third-party packages for Lambda: wheels of its platform, each known by its content.

A function's requirements.txt has the hashes of its packages' files, as `make lock` writes them. pip
checks them when it downloads, and they are checked here each time a wheel of the cache is used: one
that somebody changed never gets into a zip, and is downloaded again.
"""

import hashlib
import re
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from infra.settings.types import FunctionRuntime

PLATFORMS = ["manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64"]
"""Tags that run on arm64 from python3.12 on (Amazon Linux 2023, glibc 2.34)."""

_HASHES = re.compile(r"(?:\s+--hash=sha256:[0-9a-f]{64})+")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_NOT_NEEDED_SUFFIXES = (".pyi", ".pyc", "/py.typed")


class WheelError(Exception):
    """Packages aren't pinned or can't be downloaded; the message says which and what to do."""


class _Pinned(NamedTuple):
    """A package of one version.

    Attributes:
        name_and_version: `name==version`.
        hashes: SHA-256 of each of its files, of which one is the wheel for Lambda.
    """

    name_and_version: str
    hashes: tuple[str, ...]

    @property
    def line(self) -> str:
        """The package as a line of a requirements file."""
        return " ".join([self.name_and_version, *(f"--hash=sha256:{sha256}" for sha256 in self.hashes)])


def wheel_files(requirements: Path, runtime: FunctionRuntime, cache: Path) -> dict[str, bytes]:
    """Return the content of the wheels that a requirements file names.

    Args:
        requirements: a file that `make lock` wrote: every package with its version and its hashes.
        runtime: Lambda's runtime that the wheels are for.
        cache: folder of downloaded wheels, with which the second build needs no network.

    Returns:
        Path in the zip to content, without type stubs and metadata and with the licences.

    Raises:
        WheelError: a line doesn't pin one content, a package has no wheel for the platform, or
            there is no network.
    """
    packages = _packages(requirements, runtime)
    if not packages:
        return {}
    key = "\n".join([runtime, *PLATFORMS, *(package.line for package in packages)])
    directory = cache / hashlib.sha256(key.encode()).hexdigest()[:16]
    wheels = _cached(packages, directory)
    if wheels is None:
        _download(packages, runtime, directory, requirements)
        wheels = _cached(packages, directory)
    if wheels is None:
        raise WheelError(f"the wheels of {requirements} in {directory} change while they are read: try again")
    files: dict[str, bytes] = {}
    for wheel in wheels:
        with zipfile.ZipFile(BytesIO(wheel)) as archive:
            files |= {name: archive.read(name) for name in archive.namelist() if _is_needed(name)}
    return files


def _packages(requirements: Path, runtime: FunctionRuntime) -> list[_Pinned]:
    """Read a requirements file: its packages, less those that a marker leaves out on Lambda."""
    text = requirements.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    found = [_pinned(line, runtime, requirements) for line in lines if line and not line.startswith("--only-binary ")]
    return sorted(package for package in found if package is not None)


def _pinned(line: str, runtime: FunctionRuntime, requirements: Path) -> _Pinned | None:
    wanted, *_ = line.split(" --hash=", maxsplit=1)
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:
        requirement = None
    version = re.fullmatch(r"==([^,*]+)", str(requirement.specifier)) if requirement else None
    if requirement is None or version is None or not _HASHES.fullmatch(line[len(wanted.rstrip()) :]):
        raise WheelError(
            f"{requirements}: '{wanted.strip()}' must have one version and its hashes, as in 'name==1.2.3 "
            f"--hash=sha256:...': name the package in {requirements.with_suffix('.in').name}, then run `make lock`"
        )
    if requirement.marker is not None and not requirement.marker.evaluate(_environment(runtime)):
        return None
    return _Pinned(f"{requirement.name}{requirement.specifier}", tuple(sorted(_HASH.findall(line))))


def _environment(runtime: FunctionRuntime) -> dict[str, str]:
    """Return what a requirement's markers are compared to in Lambda, where this machine differs."""
    version = _python_version(runtime)
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "aarch64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


def _python_version(runtime: FunctionRuntime) -> str:
    return runtime.removeprefix("python")


def _cached(packages: list[_Pinned], directory: Path) -> list[bytes] | None:
    """Return each package's wheel, found by its hash; None if one is missing or was changed."""
    try:
        contents = [path.read_bytes() for path in sorted(directory.glob("*.whl"))]
    except OSError:  # Another program replaces the folder.
        return None
    by_hash = {hashlib.sha256(content).hexdigest(): content for content in contents}
    wheels = [next((by_hash[sha256] for sha256 in package.hashes if sha256 in by_hash), None) for package in packages]
    found = [wheel for wheel in wheels if wheel is not None]
    return found if len(found) == len(packages) else None


def _download(packages: list[_Pinned], runtime: FunctionRuntime, directory: Path, requirements: Path) -> None:
    """Fill a folder of the cache and then rename it, because two programs may fill it at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=directory.parent) as temporary:
        locked = Path(temporary, "requirements.txt")
        locked.write_text("".join(f"{package.line}\n" for package in packages), encoding="utf-8")
        download = Path(temporary, "wheels")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--dest", str(download), "--only-binary=:all:", "--no-deps", "--implementation", "cp"]
        command += ["--require-hashes", "--python-version", _python_version(runtime)]
        command += [argument for platform in PLATFORMS for argument in ("--platform", platform)]
        result = subprocess.run([*command, "--requirement", str(locked)], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            names = ", ".join(package.name_and_version for package in packages)
            raise WheelError(
                f"pip can't get {names} of {requirements} for {runtime} on arm64 Linux. Check the network, the "
                f"versions and userstream:functionRuntime; what was fetched once needs no network. pip says:\n"
                f"{result.stderr.strip()}"
            )
        try:
            if directory.exists():  # Something in it isn't what it was.
                directory.rename(Path(temporary, "refused"))
            download.rename(directory)
        except OSError:
            if not directory.is_dir():  # Another program was faster, with the same wheels.
                raise


def _is_needed(name: str) -> bool:
    if name.endswith(("/", *_NOT_NEEDED_SUFFIXES)):
        return False
    top = name.split("/", maxsplit=1)[0]
    return not top.endswith(".dist-info") or "/licenses/" in name
