"""Write what the code says already: the last part of docs/ops.md, and docs/consumers.md.

They come from the commands' own help and from the consumers' declarations; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from infra.consumers import CONSUMERS
from infra.consumers.page import consumers_page
from infra.naming import PROJECT_ROOT
from ops.cli import cli

PAGE = PROJECT_ROOT / "docs" / "ops.md"
CONSUMERS_PAGE = PROJECT_ROOT / "docs" / "consumers.md"

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
    }


if __name__ == "__main__":
    for path, content in generated_pages().items():
        path.write_text(content, encoding="utf-8")
