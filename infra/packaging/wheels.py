"""Third-party packages for Lambda: wheels for its platform, downloaded from the package index."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

PYTHON_VERSION = "3.13"
PLATFORMS = ["manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64"]
"""Tags that run on arm64 with the python3.13 runtime (Amazon Linux 2023, glibc 2.34)."""

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_NOT_NEEDED_SUFFIXES = (".pyi", ".pyc", "/py.typed")


class WheelError(Exception):
    """Packages can't be downloaded; the message says which and what to do."""


def wheel_files(requirements: Path, cache: Path) -> dict[str, bytes]:
    """Return the content of the wheels that a requirements file names.

    Args:
        requirements: one `name==version` per line; packages that those depend on are listed too.
        cache: folder of downloaded wheels, with which the second build needs no network.

    Returns:
        Path in the zip to content, without type stubs and metadata and with the licences.

    Raises:
        WheelError: a line doesn't pin one version, a package has no wheel for the platform, or
            there is no network.
    """
    lines = _requirement_lines(requirements)
    if not lines:
        return {}
    directory = cache / hashlib.sha256("\n".join([PYTHON_VERSION, *PLATFORMS, *lines]).encode()).hexdigest()[:16]
    if not directory.is_dir():
        _download(lines, directory, requirements)
    files: dict[str, bytes] = {}
    for wheel in sorted(directory.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            files |= {name: archive.read(name) for name in archive.namelist() if _is_needed(name)}
    return files


def _requirement_lines(requirements: Path) -> list[str]:
    lines = [line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    lines = sorted(line for line in lines if line)
    for line in lines:
        if not _PINNED.fullmatch(line):
            raise WheelError(f"{requirements}: '{line}' must name one version, as in 'name==1.2.3'")
    return lines


def _download(lines: list[str], directory: Path, requirements: Path) -> None:
    """Fill a folder of the cache and then rename it, because two programs may fill it at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=directory.parent) as temporary:
        download = Path(temporary) / "wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--dest", str(download), "--only-binary=:all:", "--no-deps", "--implementation", "cp"]
        command += ["--python-version", PYTHON_VERSION]
        command += [argument for platform in PLATFORMS for argument in ("--platform", platform)]
        result = subprocess.run([*command, *lines], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise WheelError(
                f"pip can't get {', '.join(lines)} of {requirements} for Python {PYTHON_VERSION} on arm64 Linux. Check "
                f"the network and the versions; what was fetched once needs no network. pip says:\n"
                f"{result.stderr.strip()}"
            )
        try:
            download.rename(directory)
        except OSError:
            if not directory.is_dir():  # the other program was faster, with the same wheels
                raise


def _is_needed(name: str) -> bool:
    if name.endswith(("/", *_NOT_NEEDED_SUFFIXES)):
        return False
    top = name.split("/", maxsplit=1)[0]
    return not top.endswith(".dist-info") or "/licenses/" in name
