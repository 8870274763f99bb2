"""The Python of Lambda's newest runtime, with AWS's own runtime client."""

import sys
from pathlib import Path

import pytest

from infra.settings.types import NEWEST_RUNTIME
from tests.support.programs import require, run
from tests.support.runtime_client import Runtime

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def lambda_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable: of a Go module, because no machine needs to have it."""
    require("go")
    directory = tmp_path_factory.mktemp("lambda-python") / "python"
    python = Path(run("go", "run", ".", directory, cwd=HERE / "python").strip())
    version = run(python, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])", cwd=HERE).strip()
    assert version == NEWEST_RUNTIME, "take the module's version for the newest runtime in tests/runtime/python/go.mod"
    return python


@pytest.fixture(scope="session")
def runtime(lambda_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """It, with what the runtime brings along."""
    packages = tmp_path_factory.mktemp("runtime-packages")
    install(lambda_python, HERE / "requirements.txt", packages)
    return Runtime(lambda_python, packages)


def install(python: Path, requirements: Path, directory: Path) -> None:
    """Install pinned packages for an interpreter in a directory."""
    uv = Path(sys.executable).with_name("uv")
    for_it = ["--python", python, "--target", directory, "--requirement", requirements]
    run(uv, "pip", "install", "--quiet", "--require-hashes", *for_it, cwd=HERE)
