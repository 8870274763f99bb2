"""The commands that a wrong setting's problem prints, typed at the real CLI."""

import json
import os
import re
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
from local.engine.workspace import CLI
from tests.support.engine.engine_stack import engine_workspace
from tests.support.stack.config_commands import after_command
from tests.support.stack.own_settings import own_config

KEY = re.compile(r"(encryptionsalt|encryptedkey|secretsprovider):")
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
    """A folder with the project's stack dev, which each test configures anew."""
    return Project(tmp_path_factory.mktemp("settings"), account)


class Project:
    """A folder with the project's files and stack dev, and a shell whose `pulumi` is the CLI."""

    def __init__(self, folder: Path, account: Clients) -> None:
        self.folder = folder
        workspace = engine_workspace(folder / "engine", account)
        self.variables = workspace.environment()
        self.variables["PATH"] = os.pathsep.join([str(CLI.parent), self.variables["PATH"]])
        self.file = folder / "Pulumi.dev.yaml"
        shutil.copy(PROJECT_ROOT / "Pulumi.yaml", folder)
        for name in ("Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.local.yaml"):
            # A team's files have the key of its secrets.
            lines = (PROJECT_ROOT / name).read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / name).write_text("".join(line for line in lines if not KEY.match(line)), encoding="utf-8")
        self.type("pulumi stack init dev")

    def type(self, line: str) -> None:
        """Run a line as a shell does."""
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)

    def write(self, config: dict[str, str]) -> None:
        """Write a configuration, lists and maps as YAML."""
        document = {key: as_yaml(key, text) for key, text in config.items()}
        salt = yaml.safe_load(self.file.read_text(encoding="utf-8"))["encryptionsalt"]
        written = yaml.safe_dump({"config": document, "encryptionsalt": salt}, allow_unicode=True)
        self.file.write_text(written, encoding="utf-8")


def as_yaml(key: str, text: str) -> object:
    """Return what a file has for a value: lists and maps as such."""
    if not key.endswith((TAGS, ORIGINS)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def documented(heading: str) -> list[str]:
    """Return the lines of the first commands below a heading of docs/adopting.md."""
    page = (PROJECT_ROOT / "docs" / "adopting.md").read_text(encoding="utf-8")
    return page.partition(f"\n## {heading}\n")[2].partition("```sh\n")[2].partition("```")[0].splitlines()


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_a_change_of_a_setting_changes_its_line_alone(stack: str, account: Clients, tmp_path: Path) -> None:
    project = Project(tmp_path, account)
    path = project.folder / f"Pulumi.{stack}.yaml"
    if stack != "dev":
        project.type(f"pulumi stack init {stack}")
    # The first command also writes what was edited by hand as the CLI does.
    project.type(f"pulumi config set userstream:streamBatchSize 76 --stack {stack}")
    before = path.read_text(encoding="utf-8").splitlines()

    project.type(f"pulumi config set userstream:streamBatchSize 77 --stack {stack}")
    after = path.read_text(encoding="utf-8").splitlines()
    project.type(f"pulumi config set userstream:streamReservedConcurrency 77 --stack {stack}")

    (place,) = [number for number, line in enumerate(before) if line.startswith("  userstream:streamBatchSize:")]
    assert after == [*before[:place], '  userstream:streamBatchSize: "77"', *before[place + 1 :]]
    assert stack_file_config(stack, project.folder)["userstream:streamReservedConcurrency"] == "77"
    project.type(f"pulumi config set userstream:corsAllowedOrigins[0] --path https://a.example.com --stack {stack}")
    project.type(f"pulumi config set --path userstream:tags.team users --stack {stack}")
    assert load_settings(stack, stack_file_config(stack, project.folder)).tags["team"] == "users"


@pytest.mark.parametrize(
    ("heading", "name"), [("A new environment, in five minutes", "staging"), ("A second region", "dev-us")]
)
def test_a_new_environment_has_its_own_key_and_dev_s_settings(
    heading: str, name: str, account: Clients, tmp_path: Path
) -> None:
    project = Project(tmp_path, account)
    project.type("pulumi config set userstream:streamBatchSize 77 --stack dev")
    of_dev = yaml.safe_load(project.file.read_text(encoding="utf-8"))
    assert of_dev["encryptionsalt"]

    for line in documented(heading):
        if not line.startswith(("pulumi preview", "pulumi up")):
            project.type(line)

    made = yaml.safe_load((project.folder / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    assert made["encryptionsalt"] != of_dev["encryptionsalt"]
    assert load_settings(name, stack_file_config(name, project.folder), on_aws=True).stream_batch_size == 77


def cases() -> list[dict[str, str]]:
    wrong = [(alias, SNOWMAN) for alias in FIELDS] + [(alias, "") for alias in ("alarmEmail", "tags", "aws:region")]
    numbers = [(alias, "99999999999") for alias, field in FIELDS.items() if field.annotation is int]
    return [{alias: value} for alias, value in [*wrong, *numbers, *ENTRIES]] + PAIRS


@pytest.mark.parametrize("values", cases(), ids=lambda values: json.dumps(values)[:60])
def test_the_printed_commands_mend_the_settings(values: dict[str, str], project: Project) -> None:
    config = own_config("dev") | {config_key(alias): value for alias, value in values.items()}
    project.write(config)
    with pytest.raises(SettingsError) as raised:
        load_settings("dev", stack_file_config("dev", project.folder), on_aws=True)

    for line in [line for problem in raised.value.problems for line in problem.command.splitlines()]:
        project.type(line.strip())
        config = after_command(line.strip(), config)

    changed = stack_file_config("dev", project.folder)
    assert load_settings("dev", changed, on_aws=True)
    assert {key: as_yaml(key, text) for key, text in changed.items()} == {
        key: as_yaml(key, text) for key, text in config.items()
    }
