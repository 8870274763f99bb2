"""`python -m ops`: the options that name a stack, and the commands."""

from pathlib import Path

import click

from ops.aws.services import Services
from ops.commands.capacity import capacity
from ops.commands.check import check
from ops.commands.dlq_files import discard, export, restore_command
from ops.commands.dlq_list import list_failures
from ops.commands.dlq_replay import replay
from ops.commands.dlq_show import show_failure
from ops.commands.person import person
from ops.commands.person_erase import erase_person
from ops.commands.release import release
from ops.commands.return_messages import return_mails_command, return_pointers_command
from ops.commands.status import status
from ops.commands.trace import trace
from ops.commands.users import activity, backfill
from ops.commands.verify import verify
from ops.context import CommandContext, OpsGroup
from ops.stack_outputs import read_stack

EXIT_CODES_HELP = """
Exit codes: 0 done; 1 something failed, is left over or needs attention; 2 wrong usage; 3 the stack
can't be reached (address, credentials, pulumi); 4 not found; 5 denied by IAM; 130 ended by Ctrl-C.
"""


@click.group(cls=OpsGroup, epilog=EXIT_CODES_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--stack", metavar="NAME", envvar="USERSTREAM_STACK", help="Stack by name: dev, prod, local.")
@click.option(
    "--outputs",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Stack by its outputs: what `pulumi stack output --json` printed.",
)
@click.option("--profile", metavar="NAME", help="Profile of the AWS credentials, as in AWS_PROFILE.")
@click.pass_context
def cli(ctx: click.Context, stack: str | None, outputs: Path | None, profile: str | None) -> None:
    """Operate one userstream stack: its failed records, its users' history, its health."""
    if ctx.obj is None:
        if outputs is not None and ctx.get_parameter_source("stack") is click.core.ParameterSource.ENVIRONMENT:
            stack = None
        ctx.obj = CommandContext(lambda: Services(read_stack(stack, outputs), profile))


@click.group(cls=OpsGroup, short_help="Failed records: see, save, replay, discard.")
def dlq() -> None:
    """The dead-letter queue: records that could not be processed, whole."""


for command in (list_failures, show_failure, replay, export, discard, restore_command):
    dlq.add_command(command)
person.add_command(erase_person)
for command in (
    status,
    check,
    release,
    dlq,
    person,
    activity,
    trace,
    backfill,
    verify,
    return_pointers_command,
    return_mails_command,
    capacity,
):
    cli.add_command(command)
