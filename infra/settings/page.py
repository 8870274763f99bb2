"""The table of docs/settings.md: what every setting does, and what the stacks' files say."""

from collections.abc import Iterator, Mapping

from infra.settings.mends import FIELDS, config_key
from infra.settings.types import allowed_values

STACKS = ("dev", "prod", "local")


def settings_rows(configs: Mapping[str, Mapping[str, str]]) -> Iterator[list[str]]:
    """Yield each setting's cells: its name, what it does, what it may be, and each stack's value.

    Args:
        configs: each stack's configuration, full key to text.
    """
    for alias, field in FIELDS.items():
        values = [configs[stack].get(config_key(alias)) for stack in STACKS]
        shown = ["not set" if value is None else f"`{value}`" for value in values]
        yield [f"`{config_key(alias)}`", field.description or "", allowed_values(field), *shown]


def settings_page(page: str, configs: Mapping[str, Mapping[str, str]]) -> str:
    """Return the page with its table written again."""
    head = f"| Setting | What it does | What it may be | {' | '.join(STACKS)} |\n| {'--- | ' * 6}".rstrip() + "\n"
    before, _, rest = page.partition(head)
    after = "".join(line for line in rest.splitlines(keepends=True) if not line.startswith("| `"))
    return before + head + "".join(f"| {' | '.join(cells)} |\n" for cells in settings_rows(configs)) + after
