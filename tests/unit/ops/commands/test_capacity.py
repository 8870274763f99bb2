"""What `python -m ops capacity` says to options at the end of what they may be, and beyond it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ops.cli import cli
from ops.commands.capacity import settings_of
from ops.errors import WrongUsageError


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["capacity", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["--settings", "nowhere"], 4, "Pulumi.nowhere.yaml"),
        (["--users", "0"], 2, "x>=1"),
        (["--poison-rate", "2"], 2, "0<=x<=1"),
        (["--call-ms", "3000"], 2, "0<x<3000"),
        (["--registrations-per-second", "-1"], 2, "x>0"),
        (["--registrations-per-second", "nan"], 2, "nan is not a finite number"),
        (["--registrations-per-second", "inf"], 2, "inf is not a finite number"),
        (["--changes-per-user-per-month", "inf"], 2, "inf is not a finite number"),
        (["--busy-share", "nan"], 2, "nan is not a finite number"),
        (["--poison-rate", "nan"], 2, "nan is not a finite number"),
        (["--call-ms", "nan"], 2, "nan is not a finite number"),
    ],
)
def test_a_wrong_option_is_named_with_its_range(arguments: list[str], exit_code: int, words: str) -> None:
    result = ask("--users", "1", "--registrations-per-second", "1", *arguments)
    assert result.exit_code == exit_code
    assert words in result.output


@pytest.mark.parametrize("missing", ["--users", "--registrations-per-second"])
def test_what_is_needed_and_missing_is_named(missing: str) -> None:
    given = {"--users": "1", "--registrations-per-second": "1"}
    del given[missing]

    result = ask(*(word for option in given.items() for word in option))

    assert result.exit_code == 2
    assert f"Missing option '{missing}'" in result.output


def test_a_malformed_stack_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: [")

    with pytest.raises(WrongUsageError, match=r"Pulumi\.dev\.yaml"):
        settings_of("dev", tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--users", "1", "--registrations-per-second", "1e-320", "--changes-per-user-per-month", "0"],
        ["--users", "1", "--registrations-per-second", "0.0001"],
        ["--users", "1000000000", "--registrations-per-second", "1e6", "--poison-rate", "1", "--busy-share", "1"],
        ["--users", "1000000000", "--registrations-per-second", "20", "--call-ms", "2999.9"],
    ],
)
def test_the_extremes_of_the_options_have_results(arguments: list[str]) -> None:
    result = ask(*arguments, "--table")
    assert result.exit_code == 0, result.output
    assert "nan" not in result.output
    assert "at 0.0 x" not in result.output


def test_changes_need_invocations_too() -> None:
    arguments = ("--users", "1000000000", "--registrations-per-second", "1", "--call-ms", "2999", "--json")
    limits = {use["limit"]: use["share"] for use in json.loads(ask(*arguments).output)["limits"]}
    assert limits["manage_users at a time"] > 1 > limits["register_user at a time"]
