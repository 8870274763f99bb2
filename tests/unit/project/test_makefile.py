"""`make setup` on a machine that isn't as it should be; pip itself is a stand-in here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT

WITH_PIP = "#!/bin/sh\nexit 0\n"
WITHOUT_PIP = "#!/bin/sh\nexit 1\n"
MAKES_ENVIRONMENTS = """#!/bin/sh
case "$*" in
*"-m venv"*)
    mkdir -p .venv/bin && printf '#!/bin/sh\\nexit 0\\n' > .venv/bin/python && chmod +x .venv/bin/python && echo made ;;
esac
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "constraints.txt"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    return tmp_path


def setup(project: Path) -> str:
    python = script(project / "python", MAKES_ENVIRONMENTS)
    # Nothing of the `make test` that may have started this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "setup", f"PYTHON={python}"], cwd=project, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_an_environment_without_pip_is_made_anew(project: Path) -> None:
    script(project / ".venv/bin/python", WITHOUT_PIP)

    assert "made" in setup(project)


def test_an_environment_that_works_is_kept(project: Path) -> None:
    script(project / ".venv/bin/python", WITH_PIP)

    assert "made" not in setup(project)
