"""What the real CLI prints of a stack's configuration, as infra/settings/esc.py reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT
from infra.settings.stack_file import StackFileError, stack_file_config
from local.engine.workspace import CLI, Workspace
from tests.support.stack import own_settings
from tests.support.stack.own_settings import own_config


@pytest.fixture
def directory(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with dev's file and a stack of its own, in a backend of files."""
    for file in (PROJECT_ROOT / "Pulumi.yaml", own_settings.DIRECTORY / "Pulumi.dev.yaml"):
        shutil.copy(file, tmp_path)
    for name, value in workspace.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    subprocess.run([CLI, "stack", "init", "dev"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_what_the_cli_prints_is_read_as_the_file_itself(directory: Path) -> None:
    set_secret = [CLI, "config", "set", "--secret", "userstream:password", "hidden", "--stack", "dev"]
    subprocess.run(set_secret, cwd=directory, check=True, capture_output=True)
    own = stack_file_config("dev", directory)
    command = [CLI, "config", "--json", "--open", "--stack", "dev"]
    printed = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout

    imports_environment(directory)
    (directory / "Pulumi.dev.esc.json").write_text(printed)

    assert stack_file_config("dev", directory) == own == own_config("dev")


def test_a_cli_that_has_no_environments_says_so_and_we_what_to_type(directory: Path) -> None:
    imports_environment(directory)

    with pytest.raises(StackFileError, match="environments require the Pulumi Cloud backend") as refused:
        stack_file_config("dev", directory)

    assert "Pulumi.dev.yaml imports values from Pulumi ESC" in str(refused.value)
    assert "pulumi config --json --open --stack dev > Pulumi.dev.esc.json" in str(refused.value)


def imports_environment(directory: Path) -> None:
    file = directory / "Pulumi.dev.yaml"
    file.write_text(f"environment:\n  - acme/userstream-dev\n{file.read_text()}")
