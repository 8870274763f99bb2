"""`make engine` with a CLI on PATH: no network, no Go, and a script in the CLI's place."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT

FOLDER = Path("local/engine/pulumi_cli")
TOOLS = ("bash", "dirname", "head", "ln", "mkdir", "sed", "sh", "sort", "touch")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which nothing but the folder local/engine/pulumi_cli/ is."""
    shutil.copytree(PROJECT_ROOT / FOLDER, tmp_path / "project" / FOLDER)
    return tmp_path / "project"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A CLI of the wanted version, somewhere on the machine."""
    found = re.search(r"github\.com/pulumi/pulumi/pkg/v3 (v[\d.]+)", (PROJECT_ROOT / FOLDER / "go.mod").read_text())
    assert found
    cli = tmp_path / "installed" / "pulumi"
    cli.parent.mkdir()
    cli.write_text(f"#!/bin/sh\necho {found[1]}\n")
    cli.chmod(0o755)
    return cli


def install(project: Path, *folders: Path) -> str:
    tools = project / "tools"  # What the script calls, without a CLI or Go that this machine may have beside it.
    tools.mkdir(exist_ok=True)
    for name in TOOLS:
        (tools / name).unlink(missing_ok=True)
        (tools / name).symlink_to(shutil.which(name) or name)
    path = os.pathsep.join(map(str, [*folders, tools]))
    done = subprocess.run(
        [project / FOLDER / "install"], env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_cli_on_path_is_used_however_often_it_is_asked_for(project: Path, installed: Path) -> None:
    own = project / ".engine" / "bin"
    for folders in ([installed.parent], [installed.parent], [own, installed.parent]):
        assert f"engine: using {installed}" in install(project, *folders)
        assert (own / "pulumi").resolve() == installed


def test_a_cli_that_was_built_stays_where_path_names_it(project: Path, installed: Path) -> None:
    own = project / ".engine" / "bin"
    own.mkdir(parents=True)
    shutil.move(installed, own)

    assert "already" in install(project, own)
    assert not (own / "pulumi").is_symlink()
