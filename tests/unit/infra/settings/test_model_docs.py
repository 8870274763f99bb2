"""The table in docs/settings.md and the comments in the stacks' files match the model."""

import pytest

from infra.naming import PROJECT_ROOT
from infra.settings.check import config_key
from infra.settings.model import StackSettings
from infra.settings.stack_file import stack_file_config
from infra.settings.types import allowed_values

STACKS = ["dev", "prod", "local"]
FIELDS = {field.alias or name: field for name, field in StackSettings.model_fields.items()}


def table(path: str) -> list[str]:
    """Return the rows of a page's table, without its head."""
    lines = (PROJECT_ROOT / path).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| `")]


def settings_row(alias: str) -> str:
    """Return the row of docs/settings.md for a setting."""
    values = [stack_file_config(stack).get(config_key(alias)) for stack in STACKS]
    cells = [
        f"`{config_key(alias)}`",
        FIELDS[alias].description or "",
        allowed_values(FIELDS[alias]),
        *("not set" if value is None else f"`{value}`" for value in values),
    ]
    return f"| {' | '.join(cells)} |"


def test_the_table_of_settings_matches_the_model_and_every_stack() -> None:
    assert table("docs/settings.md") == [settings_row(alias) for alias in FIELDS]


@pytest.mark.parametrize("alias", FIELDS)
@pytest.mark.parametrize("stack", STACKS)
def test_every_setting_has_a_comment_in_the_stack_s_file(stack: str, alias: str) -> None:
    lines = [line.strip() for line in (PROJECT_ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()]
    (place,) = (
        number
        for number, line in enumerate(lines)
        if line.removeprefix("# ").startswith(f"{config_key(alias)}:")  # an optional one may be commented out
    )

    assert lines[place - 1].startswith("# ")
    assert lines[place - 1].endswith(".")
