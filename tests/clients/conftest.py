"""The tools of other languages that read the API's document."""

import shutil
from pathlib import Path

import pytest

from tests.support.programs import CLIENTS, require, run


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of typescript/ with its packages, as package-lock.json pins them."""
    require("node", "npm")
    directory = tmp_path_factory.mktemp("clients") / "typescript"
    shutil.copytree(CLIENTS / "typescript", directory, ignore=shutil.ignore_patterns("node_modules"))
    run("npm", "ci", "--no-fund", "--no-audit", "--ignore-scripts", cwd=directory)
    return directory
