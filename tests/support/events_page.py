"""The code on docs/events.md and in the example's README, as a reader copies it."""

import re
from collections.abc import Iterator
from pathlib import Path

from infra.naming import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "events.md"
README = PROJECT_ROOT / "examples" / "welcome_new_users" / "README.md"


def blocks(language: str, page: Path = PAGE) -> list[str]:
    """Return the page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[str]:
    """Yield the page's calls of the AWS CLI, each on one line, also those inside `$()`."""
    for block in blocks("sh", page):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.findall(r"(?:^|\$\()(aws (?:'[^']*'|\$\([^)]*\)|[^()#])+)", line)
