"""Whether a function would start: its package, unpacked and imported in a process of its own as Lambda would do."""

import os
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO

from local.environment import child_environment

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
