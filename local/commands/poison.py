"""`poison`: a change that LogUserChangesFunction can't process, to see what becomes of it."""

from pathlib import Path

import click

from local.commands.options import state_dir_option
from local.poison import POISONED_SCHEMA_VERSION, write_poisoned_change
from local.state import read_local_stack


@click.command()
@click.option("--user", "name", default="Mallory", show_default=True, help="Name of the user that is written.")
@state_dir_option
def poison(name: str, directory: Path | None) -> None:
    """Write a user in a layout that no function knows, past the API.

    Its record ends, whole, in the dead-letter queue, and those around it are processed. The fix is a line of code;
    after it the record is replayed.
    """
    user_id = write_poisoned_change(read_local_stack(directory), name=name)
    click.echo(f"Wrote user {user_id} with schemaVersion {POISONED_SCHEMA_VERSION}, which no function can process.")
    click.echo("See where it went:  python -m ops --stack local dlq list")
    click.echo(
        f"Fix: add {POISONED_SCHEMA_VERSION} to SUPPORTED_SCHEMA_VERSIONS in "
        "functions/stream_records/schema_versions.py (live within 2 s), then:  "
        "python -m ops --stack local dlq replay --all"
    )
