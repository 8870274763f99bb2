"""Every command that a message, a help text or a page names exists, and so do its options."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click
import pytest

from infra.naming import PROJECT_ROOT
from ops.cli import cli

OTHER_PROGRAMS = {"aws", "pulumi", "python"}
TYPED = re.compile(r"python -m ops ([a-z-][^`#\n[]*)")


def in_messages() -> Iterator[tuple[Path, str]]:
    """Yield what stands in backquotes in the strings of ops, which no docstring is."""
    for path in (PROJECT_ROOT / "ops").rglob("*.py"):
        tree = ast.parse(path.read_text())
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                yield from ((path, text) for text in re.findall(r"`([a-z][^`\n]*)`", node.value))


def on_pages() -> Iterator[tuple[Path, str]]:
    """Yield the command lines of the pages and of the help texts."""
    pages = [PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").glob("*.md")]
    for path in [*pages, *(PROJECT_ROOT / "ops").rglob("*.py")]:
        yield from ((path, text.strip()) for text in TYPED.findall(path.read_text()))


NAMED = sorted({(path.relative_to(PROJECT_ROOT).as_posix(), text) for path, text in (*in_messages(), *on_pages())})


def test_commands_are_found() -> None:
    assert {text for _, text in NAMED} >= {"verify --repair", "dlq list", "--stack local dlq list"}


@pytest.mark.parametrize(("page", "text"), NAMED)
def test_a_named_command_exists(page: str, text: str) -> None:
    words = shlex.split(text.replace("...", ""))
    if words[0] in OTHER_PROGRAMS:
        return
    command = cast("click.Command", cli)
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            known = {option for each in command.params for option in each.opts} | {"--help"}
            assert word.partition("=")[0] in known, f"{page}: {text}"
            if command is cli and words:
                words.pop(0)
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"{page}: {text}"
            command = found
