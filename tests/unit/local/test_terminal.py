"""What a user, a function, AWS or a setting brings into a command's output stays text."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from infra.outputs import StackOutputs
from local.cli import cli
from local.event_source_mappings.status import MappingStatus, write_mappings
from local.output import FunctionLogLine, open_console, print_log, printable_lines
from local.state import LocalStack, claim_directory, write_local_stack

HOSTILE = [
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link",
    "\x1b[2J\x1b[1;1H",
    "\x9b31m",
    "over\rwritten",
    "back\b\b\bspace",
    "bell\x07",
    "form\x0cfeed\x0b",
    "abc\u202edef\u2066",
    "un\u200bseen\ufeff",
    "para\u2029graph\u2028",
    "tag\U000e0041",
    "[red]markup[/red]",
    "[/closed]",
    "[link=https://evil.example]x[/link]",
    "x" * 5_000,
]
"""Harmless here: sequences that change a colour or a title, move the cursor, or hide a text."""


def assert_harmless(shown: str) -> None:
    assert all(character.isprintable() or character == "\n" for character in shown), shown


def run(directory: Path, text: str, *command: str) -> Result:
    """Run a command on a stack that has this text in all places, and whose emulator is gone."""
    stack = LocalStack(
        pid=1,
        emulator_pid=2,
        poller_pid=None,
        port=9,
        endpoint_url="http://127.0.0.1:9",
        region="eu-west-1",
        access_key_id="x",
        secret_access_key="x",
        started_at=datetime.now(UTC),
        outputs=StackOutputs.model_validate(
            {
                **dict.fromkeys(StackOutputs.model_fields, text),
                "api_url": "http://127.0.0.1:9/api",
                "traffic_shift_percent": None,
                "traffic_shift_minutes": None,
            }
        ),
    )
    mapping = MappingStatus(
        uuid="x",
        source_arn=f"arn:aws:sqs:eu-west-1:000000000000:{text}",
        function_name=text,
        state="failing",
        reason=text,
        last_problem=text,
        last_problem_at=datetime.now(UTC),
        counts={text: 1},
    )
    with claim_directory(directory):
        write_local_stack(directory, stack)
        write_mappings(directory, [mapping])
        return CliRunner().invoke(cli, [*command, "--state-dir", str(directory)])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", ["--json", "--table"])
@pytest.mark.parametrize("command", ["status", "outputs"])
def test_a_command_shows_nothing_that_a_terminal_obeys(tmp_path: Path, command: str, form: str, text: str) -> None:
    result = run(tmp_path, text, command, form)

    assert isinstance(result.exception, SystemExit | None)
    assert_harmless(result.output)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_function_s_log_shows_nothing_either(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    print_log(open_console(), [FunctionLogLine(datetime.now(UTC), text)])
    assert_harmless(written.getvalue())


@given(st.text())
def test_lines_stay_lines_and_all_else_is_printable(text: str) -> None:
    shown = printable_lines(text)
    assert_harmless(shown)
    assert shown.count("\n") == text.count("\n")


def test_a_console_keeps_its_own_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    open_console().print("[red]two\nlines[/]\x1b[32m")
    assert "\x1b[31mtwo" in written.getvalue()
    assert "\x1b[32m" not in written.getvalue()
