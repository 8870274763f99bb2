"""The last part of docs/ops.md, made from the commands themselves: `python -m ops.generate_docs`; a test compares."""

from collections.abc import Iterator

import click

from infra.naming import PROJECT_ROOT
from ops.cli import cli

PAGE = PROJECT_ROOT / "docs" / "ops.md"

MARK = "<!-- Below: written by `python -m ops.generate_docs` from the commands' own help. -->\n"

WIDTH = 100

_PROGRAM = "python -m ops"


def reference() -> str:
    """Return the help of every command, each under its own heading."""
    sections = [f"### `{path}`\n\n```text\n{text.rstrip()}\n```\n" for path, text in helps(cli, _PROGRAM)]
    return MARK + "\n" + "\n".join(sections)


def helps(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Yield each command's whole name with its help, groups before their members."""
    context = command.make_context(path.rsplit(" ", 1)[-1] if parent else path, [], parent, resilient_parsing=True)
    context.terminal_width = context.max_content_width = WIDTH
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from helps(command.commands[name], f"{path} {name}", context)


def page_with_reference(text: str) -> str:
    """Return the page with its last part made anew."""
    return text.partition(MARK)[0] + reference()


if __name__ == "__main__":
    PAGE.write_text(page_with_reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
