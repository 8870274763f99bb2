"""`dlq`: the failed records."""

import click

from ops.commands.dlq_discard import discard
from ops.commands.dlq_export import export
from ops.commands.dlq_list import list_failures
from ops.commands.dlq_replay import replay
from ops.commands.dlq_restore import restore_command
from ops.commands.dlq_show import show_failure
from ops.desk import OpsGroup


@click.group(cls=OpsGroup, short_help="Failed records: see, save, replay, discard.")
def dlq() -> None:
    """The dead-letter queue: records that could not be processed, whole."""


for command in (list_failures, show_failure, replay, export, discard, restore_command):
    dlq.add_command(command)
