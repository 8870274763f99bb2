"""The commands that a wrong setting's problem prints, typed at the real CLI."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.naming import PROJECT_ROOT
from infra.settings.check import SettingsError, load_settings
from infra.settings.mends import FIELDS, config_key
from infra.settings.stack_file import stack_file_config
from local.aws_clients import Clients
from local.engine.workspace import CLI, Workspace
from tests.support.stack.config_commands import after_command

SNOWMAN = "\N{SNOWMAN}"
TAGS, ORIGINS = "tags", "corsAllowedOrigins"
ENTRIES = [
    (TAGS, '{"team": "users", "Environment": "x", "cost centre": "7"}'),
    (TAGS, '{"team": "users", "Team": "x"}'),
    (TAGS, '{"a.b": "\\u2603", "a[0]": "\\u2603", "q\\"": "x", "": "x", "\\u2603": "x", "right": "y"}'),
    (TAGS, '{"back\\\\slash": "x", "line\\nbreak": "x", "right": "y"}'),
    (TAGS, '{"costs": 42, "owned": true, "offset": -5}'),
    (TAGS, json.dumps({f"tag{number}": "x" for number in range(42)})),
    (TAGS, "[]"),
    (ORIGINS, '["https://a.example.com", "https://b.example.com:443", "*", "HTTPS://C.example.com/page"]'),
    (ORIGINS, '["https://a.example.com/", "https://a.example.com", 5]'),
    (ORIGINS, "https://a.example.com/page"),
    (ORIGINS, "{}"),
]
PAIRS = [
    {"iteratorAgeAlarmSeconds": "43200"},
    {"registerThrottleBurst": "10"},
    {"websiteDomain": "www.example.com"},
    {"registrationAnswers": "neutral"},
    {"throttleBurst": "0", "registerThrottleBurst": "", "registerThrottleRatePerSecond": "5"},
]


@pytest.fixture(scope="module")
def project(account: Clients, tmp_path_factory: pytest.TempPathFactory) -> "Project":
    """A folder with the project's stack dev, for the CLI."""
    folder = tmp_path_factory.mktemp("settings")
    workspace = Workspace(directory=folder / "engine", endpoint_url=account.endpoint_url, keys=account.keys)
    project = Project(folder, workspace)
    shutil.copy(PROJECT_ROOT / "Pulumi.yaml", folder)
    project.type("pulumi stack init dev")
    return project


class Project:
    """A folder with the project's file, and a shell in which `pulumi` is the real CLI."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self.folder = folder
        self.variables = workspace.environment()
        self.variables["PATH"] = os.pathsep.join([str(CLI.parent), self.variables["PATH"]])
        self.file = folder / "Pulumi.dev.yaml"

    def type(self, line: str) -> None:
        """Run a line as a shell does."""
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)

    def write(self, config: dict[str, str]) -> None:
        """Write a configuration, lists and maps as YAML."""
        document = {key: self._written(key, text) for key, text in config.items()}
        salt = yaml.safe_load(self.file.read_text(encoding="utf-8"))["encryptionsalt"]
        written = yaml.safe_dump({"config": document, "encryptionsalt": salt}, allow_unicode=True)
        self.file.write_text(written, encoding="utf-8")

    @staticmethod
    def _written(key: str, text: str) -> object:
        if not key.endswith((TAGS, ORIGINS)):
            return text
        try:
            return json.loads(text)
        except ValueError:
            return text


def cases() -> list[dict[str, str]]:
    wrong = [(alias, SNOWMAN) for alias in FIELDS] + [(alias, "") for alias in ("alarmEmail", "tags", "aws:region")]
    numbers = [(alias, "99999999999") for alias, field in FIELDS.items() if field.annotation is int]
    return [{alias: value} for alias, value in [*wrong, *numbers, *ENTRIES]] + PAIRS


@pytest.mark.parametrize("values", cases(), ids=lambda values: json.dumps(values)[:60])
def test_the_printed_commands_mend_the_settings(values: dict[str, str], project: Project) -> None:
    config = stack_file_config("dev") | {config_key(alias): value for alias, value in values.items()}
    project.write(config)
    with pytest.raises(SettingsError) as raised:
        load_settings("dev", stack_file_config("dev", project.folder), on_aws=True)

    for line in [line for problem in raised.value.problems for line in problem.command.splitlines()]:
        project.type(line.strip())
        config = after_command(line.strip(), config)

    changed = stack_file_config("dev", project.folder)
    assert load_settings("dev", changed, on_aws=True)
    assert {key: Project._written(key, text) for key, text in changed.items()} == {
        key: Project._written(key, text) for key, text in config.items()
    }
