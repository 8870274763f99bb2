"""Write what the code says already: docs/consumers.md, parts of docs/ops.md and docs/settings.md.

They come from the commands' own help, the model of the settings and the stacks' files, and the
consumers' declarations. Tests compare all but the files' values, which each team changes.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from infra.consumers import CONSUMERS
from infra.consumers.page import consumers_page
from infra.naming import PROJECT_ROOT
from infra.settings.page import STACKS, settings_page
from infra.settings.stack_file import stack_file_config
from ops.cli import cli

PAGE = PROJECT_ROOT / "docs" / "ops.md"
CONSUMERS_PAGE = PROJECT_ROOT / "docs" / "consumers.md"
SETTINGS_PAGE = PROJECT_ROOT / "docs" / "settings.md"

MARK = "<!-- Below: written by `python -m ops.generate_docs` from the commands' own help. -->\n"

WIDTH = 100


def helps(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Yield the full name and the help of each command, groups before their members."""
    context = command.make_context(path.rsplit(" ", 1)[-1] if parent else path, [], parent, resilient_parsing=True)
    context.terminal_width = context.max_content_width = WIDTH
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from helps(command.commands[name], f"{path} {name}", context)


def with_generated_help(page: str) -> str:
    """Return the page with its last part generated again."""
    sections = (f"### `{path}`\n\n```text\n{text.rstrip()}\n```\n" for path, text in helps(cli, "python -m ops"))
    return page.partition(MARK)[0] + MARK + "\n" + "\n".join(sections)


def generated_pages() -> dict[Path, str]:
    """Return each page with its content."""
    return {
        PAGE: with_generated_help(PAGE.read_text(encoding="utf-8")),
        CONSUMERS_PAGE: consumers_page(CONSUMERS),
        SETTINGS_PAGE: settings_page(
            SETTINGS_PAGE.read_text(encoding="utf-8"), {stack: stack_file_config(stack) for stack in STACKS}
        ),
    }


if __name__ == "__main__":
    for path, content in generated_pages().items():
        path.write_text(content, encoding="utf-8")
