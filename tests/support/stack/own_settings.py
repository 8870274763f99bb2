"""The settings of the stacks that tests build: their own, so that a team may change its files.

tests/stack/test_stack_files.py holds the project's files to what is promised of any.
"""

from pathlib import Path

from infra.settings.stack_file import stack_file_config

DIRECTORY = Path(__file__).parent / "settings"


def own_config(stack: str) -> dict[str, str]:
    """Return the configuration of dev, prod or local, full key to text."""
    return stack_file_config(stack, DIRECTORY)
