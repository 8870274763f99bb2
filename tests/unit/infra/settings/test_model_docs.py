"""The table in docs/settings.md and the comments in the stacks' files match the model."""

import re

import pytest

from infra.naming import PROJECT_ROOT
from infra.settings.mends import FIELDS, config_key
from infra.settings.page import STACKS, settings_page
from infra.settings.stack_file import stack_file_config
from ops.generate_docs import SETTINGS_PAGE

CONFIGS = {stack: stack_file_config(stack) for stack in STACKS}


def cells(page: str) -> list[list[str]]:
    """Return a table's rows, without the stacks' values."""
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    return [row.strip("| ").split(" | ")[: -len(STACKS)] for row in rows]


def test_the_table_of_settings_matches_the_model() -> None:
    page = SETTINGS_PAGE.read_text(encoding="utf-8")

    assert cells(page) == cells(settings_page(page, CONFIGS))
    assert len(cells(page)) == len(FIELDS)


def test_the_command_writes_the_values_of_the_stacks_files_into_the_table() -> None:
    page = SETTINGS_PAGE.read_text(encoding="utf-8")
    changed = {stack: {**config, "userstream:streamBatchSize": "77"} for stack, config in CONFIGS.items()}

    (row,) = [line for line in settings_page(page, changed).splitlines() if "`userstream:streamBatchSize`" in line]
    assert row.endswith("| `77` | `77` | `77` |")
    assert settings_page(settings_page(page, changed), CONFIGS) == settings_page(page, CONFIGS)


@pytest.mark.parametrize("alias", FIELDS)
@pytest.mark.parametrize("stack", STACKS)
def test_every_setting_has_a_comment_in_the_stack_s_file(stack: str, alias: str) -> None:
    # `pulumi config set` writes an optional one to the end: its comment is where it was shipped.
    lines = [line.strip() for line in (PROJECT_ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()]
    places = [
        number for number, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{config_key(alias)}:")
    ]

    assert [place for place in places if re.fullmatch(r"# .*\.", lines[place - 1])]
