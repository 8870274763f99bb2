"""What comes from a queue or a table reaches the terminal as text, and can be typed as shown."""

import io
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from ops.errors import ExitCode
from ops.layout import table
from ops.output import Harmless, argument
from ops.stack_outputs import read_stack
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, envelope
from tests.support.ops.planted_data import PlantedData
from tests.support.ops.replaying import change

Run = Callable[..., Result]

BELL, RED, UPWARDS, MIRRORED = "\x07", "\x1b[31m", "\x1b[1A", "\u202e"
HOSTILE = [
    f"a{BELL}b",
    f"{RED}red",
    f"gone{UPWARDS}",
    f"abc{MIRRORED}def",
    "two\nlines",
    "over\rwritten",
    "para\u2029graph",
    "\x9b31mred",
    "\x1b]8;;https://evil.example\x1b\\link",
    "un\u200bseen",
    "tag\U000e0041",
    "[/closed]",
    "-rf",
    "--all",
    "a b; c",
    "$(id)",
    "'quoted'",
    "[bold]",
]
"""Harmless here: sequences that change a colour, move the cursor, or look like options or code."""


def assert_harmless(*results: Result) -> None:
    for result in results:
        shown = result.stdout + result.stderr
        assert all(character.isprintable() or character == "\n" for character in shown), shown


def next_lines(result: Result) -> list[list[str]]:
    """Return the command lines that a person is told to type, as a shell reads them."""
    found = re.findall(r"^(?:Next|    )  (python -m ops .+)$", result.stdout, re.MULTILINE)
    return [shlex.split(line) for line in found]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_message_shows_nothing_that_a_terminal_obeys(stack: StackInMemory, run: Run, text: str) -> None:
    failed = replace(
        envelope(change(0)),
        failure_id=f"{text} id",
        reason=f"{text} reason",
        user_id=f"{text} user",
        condition=f"{text} condition",
        source_function=f"arn:aws:lambda:eu-west-1:000000000000:function:{text}",
        event_source_arn=f"{text} source",
        shard_id=f"{text} shard",
        record=None,
        record_location=f"{text} location",
    )
    stack.put(failed)
    stack.queue.put(f"{text} body")

    listed = run("dlq", "list", "--table")
    # Its own id may be anything, so it goes by the message's.
    shown = run("dlq", "show", "--table", "message-000001")
    replayed = run("dlq", "replay", "--all", "--table")
    absent = run("dlq", "show", "--table", "--", f"{text} nowhere")
    asked = run("dlq", "discard", "--table", "message-000001")
    discarded = run("dlq", "discard", "--yes", "--export", "x.jsonl", "--table", "message-000001")

    assert_harmless(listed, shown, replayed, absent, asked, discarded)
    for result in (listed, shown, replayed, absent, asked, discarded):
        # No line is the text's own.
        assert not [line for line in (result.stdout + result.stderr).split("\n") if line.startswith("lines")]
    assert [line[-2:] for line in next_lines(shown)] == [["discard", "message-000001"]]
    assert discarded.exit_code == 0, discarded.output


@pytest.mark.parametrize("event_id", ["-rf", "--all"])
def test_an_id_that_looks_like_an_option_is_typed_as_an_id(stack: StackInMemory, run: Run, event_id: str) -> None:
    failure_id = stack.fail({**change(0), "eventID": event_id})

    (line,) = next_lines(run("dlq", "show", "--table", "--", failure_id))

    assert line[-2:] == ["--", event_id]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_user_s_id_and_values_show_nothing_either(stack: StackInMemory, run: Run, text: str) -> None:
    planted = PlantedData(stack)
    planted.log_change(text)
    stack.user_table.items[text] = {"userId": {"S": text}, "name": {"S": f"{text} name"}}

    results = [
        run("activity", "--table", "--", text),
        run("person", "find", "--by", "id", "--table", "--", text),
        run("person", "show", "--by", "id", "--table", "--", text),
        run("person", "erase", "--by", "id", "--dry-run", "--table", "--", text),
    ]

    assert_harmless(*results)
    for result in results:
        assert result.exit_code == 0, result.output
        if text.isprintable():
            assert all(line[-1] == text or text in line for line in next_lines(result)), result.stdout


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_rendered_printable_and_keeps_what_is(text: str) -> None:
    written = io.StringIO()
    console = Console(file=written, width=200, force_terminal=False)
    console.print(Harmless(table(("A",), [(Text(text, style="red"),)])))
    console.print(Harmless(Text(text)), soft_wrap=True)
    assert all(character.isprintable() or character == "\n" for character in written.getvalue())


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30))
def test_an_argument_is_one_word_of_a_shell_and_no_option(text: str) -> None:
    words = shlex.split(argument(text))
    assert words == (["--", text] if text.startswith("-") else [text])


@pytest.mark.parametrize("text", [one for one in HOSTILE if one.isprintable()])
def test_a_selection_and_an_unknown_user_are_quoted_where_they_are_to_be_typed(
    stack: StackInMemory, run: Run, text: str
) -> None:
    failure_id = stack.fail({**change(0), "eventID": "-rf"})
    (line,) = next_lines(run("dlq", "replay", "--dry-run", "--table", "--", failure_id))
    unknown = run("activity", "--", text)

    assert line[-2:] == ["--", failure_id]
    assert shlex.quote(f"user={text}") in unknown.stderr


@pytest.mark.parametrize("name", ["my outputs.json", "$(id).json", "'x'.json", "a;b.json"])
def test_a_stack_is_quoted_in_the_commands_for_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(OUTPUTS.model_dump_json(by_alias=True))

    assert shlex.split(read_stack(None, path).source) == ["--outputs", str(path)]


def test_the_path_of_a_saved_file_stays_whole(stack: StackInMemory, run: Run) -> None:
    folder = Path("f" * 130)  # longer than a line
    folder.mkdir()
    stack.fail(change(0))

    for command in (("dlq", "export"), ("dlq", "discard", "--all", "--yes", "--export")):
        file = str(folder / f"{command[1]}.jsonl")
        assert f"file  {file}\n" in run(*command, file, "--table").stdout


def test_a_question_that_nobody_answers_ends_on_its_own_line(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0))

    asked = run("dlq", "discard", "--all", input="")

    assert asked.exit_code == ExitCode.USAGE
    assert "\nError Nobody answered the question" in asked.stderr
