import re
from pathlib import Path

import click
import pytest

from infra.settings.mends import FIELDS, config_key
from infra.settings.page import STACKS, settings_page
from infra.settings.stack_file import stack_file_config
from ops import errors
from ops.cli import cli
from ops.commands.dlq_replay import LEFT_BECAUSE
from ops.dead_letters.message import ReplayOutcome
from ops.errors import ExitCode, OpsError
from ops.generate_docs import PAGE, SETTINGS_PAGE, generated_pages, helps


def commands(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    return [command, *(one for member in command.commands.values() for one in commands(member))]


def test_every_command_and_every_option_says_what_it_is_for() -> None:
    for command in commands(cli):
        assert command.help, command.name
        assert command is cli or command.short_help, command.name
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), (
                command.name,
                parameter.name,
            )


def test_no_short_help_is_cut_off() -> None:
    assert [text for _, text in helps(cli, "python -m ops") if "..." in text.partition("Commands:")[2]] == []


VALUES = re.compile(r"^(\| `[a-z]+:.*?)(?: [^|]+ \|){3}$", re.MULTILINE)
"""The columns of the settings' table that follow the stacks' files, which a team may change."""


def without_values(page: str) -> str:
    return VALUES.sub(r"\1", page)


@pytest.mark.parametrize("path", generated_pages(), ids=lambda path: path.name)
def test_a_page_says_what_the_code_says(path: Path) -> None:
    written = without_values(path.read_text(encoding="utf-8"))
    assert written == without_values(generated_pages()[path]), "run: python -m ops.generate_docs"


def test_only_the_values_in_the_settings_table_follow_the_files() -> None:
    files = {stack: dict(stack_file_config(stack)) for stack in STACKS}
    page = SETTINGS_PAGE.read_text(encoding="utf-8")
    assert "`userstream:tags`" in without_values(page)

    for stack, changed in files.items():
        changed.update(dict.fromkeys(map(config_key, FIELDS), f"of {stack}"))

    assert without_values(settings_page(page, files)) == without_values(page)


def test_every_command_is_explained_in_the_page_and_not_only_listed() -> None:
    guide = PAGE.read_text(encoding="utf-8").partition("\n## Commands\n")[0]

    for command in commands(cli):
        assert isinstance(command, click.Group) or f"{command.name}" in guide


def test_the_page_has_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert [int(row) for row in rows] == [code.value for code in ExitCode]


def test_every_error_is_documented_with_its_exit_code() -> None:
    def family(error: type[OpsError]) -> set[type[OpsError]]:
        return {error}.union(*(family(child) for child in error.__subclasses__()))

    documented = dict(re.findall(r"(\w+Error) +(\d+) ", errors.__doc__ or ""))

    assert documented == {error.__name__: str(error.exit_code.value) for error in family(OpsError)}
    assert not {str(ExitCode.OK.value), str(ExitCode.INTERRUPTED.value)} & set(documented.values())


def test_every_outcome_that_leaves_a_record_has_a_text() -> None:
    assert set(LEFT_BECAUSE) == set(ReplayOutcome) - {ReplayOutcome.REPLAYED}
