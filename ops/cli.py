"""`python -m ops`: the options that name a stack, and the commands, each with its short help."""

from pathlib import Path

import click

from local.lazy_group import Lazy, LazyGroup

EXIT_CODES_HELP = """
Exit codes: 0 done; 1 something failed, is left over or needs attention; 2 wrong usage; 3 the stack
can't be reached (address, credentials, pulumi); 4 not found; 5 denied by IAM; 130 ended by Ctrl-C.
"""

COMMANDS = {
    "status": Lazy("ops.commands.status:status", "The stack's health on one screen."),
    "check": Lazy("ops.commands.check:check", "Check a deployed stack with a marked user."),
    "release": Lazy("ops.cli:release", "What is live: see it, shift traffic to new versions, go back."),
    "dlq": Lazy("ops.cli:dlq", "Failed records: see, save, replay, discard."),
    "person": Lazy("ops.cli:person", "One person: find, show, export, erase."),
    "activity": Lazy("ops.commands.users:activity", "What happened to one user."),
    "trace": Lazy("ops.commands.trace:trace", "What one request did, wherever it shows."),
    "backfill": Lazy("ops.commands.users:backfill", "Add users from before the stream."),
    "verify": Lazy("ops.commands.verify:verify", "Hold users, their keys and their histories together."),
    "return-pointers": Lazy(
        "ops.commands.return_messages:return_pointers_command", "Give the rescue its failed pointers again."
    ),
    "return-mails": Lazy("ops.commands.return_messages:return_mails_command", "Send the mails that could not be sent."),
    "capacity": Lazy("ops.commands.capacity:capacity", "What a size costs, and which limit comes first."),
}

RELEASE_COMMANDS = {
    "status": Lazy("ops.commands.release:status", "Each function's live version, and what is on its way."),
    "shift": Lazy("ops.commands.release:shift_command", "Make the newest versions live, or go back."),
    "back": Lazy("ops.commands.release:back", "Make live what was live before."),
}

DLQ_COMMANDS = {
    "list": Lazy("ops.commands.dlq_list:list_failures", "What failed, why, and since when."),
    "show": Lazy("ops.commands.dlq_show:show_failure", "One failed record in full."),
    "replay": Lazy("ops.commands.dlq_replay:replay", "Send them through their function again."),
    "export": Lazy("ops.commands.dlq_files:export", "Save all of them to a file."),
    "discard": Lazy("ops.commands.dlq_files:discard", "Save them, then remove them for good."),
    "restore": Lazy("ops.commands.dlq_files:restore_command", "Put an export back into the queue."),
}

PERSON_COMMANDS = {
    "find": Lazy("ops.commands.person:find_person", "Which user has this id, email or username."),
    "show": Lazy("ops.commands.person:show_person", "What the tables say of a user."),
    "export": Lazy("ops.commands.person:export", "All that the stack holds of a user, as JSON."),
    "erase": Lazy("ops.commands.person_erase:erase_person", "Remove all that the stack holds of a user."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    epilog=EXIT_CODES_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
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
        # Imported here, so that the list of the commands needn't wait for it.
        from ops.context import CommandContext  # noqa: PLC0415  for that reason

        if outputs is not None and ctx.get_parameter_source("stack") is click.core.ParameterSource.ENVIRONMENT:
            stack = None
        ctx.obj = CommandContext.of(stack, outputs, profile)


@click.group(cls=LazyGroup, lazy=DLQ_COMMANDS)
def dlq() -> None:
    """The dead-letter queue: records that could not be processed, whole."""


@click.group(cls=LazyGroup, lazy=PERSON_COMMANDS)
def person() -> None:
    """One person's data: a user is named by the id, or by a unique value such as the email."""


@click.group(cls=LazyGroup, lazy=RELEASE_COMMANDS)
def release() -> None:
    """Which version of each function is live.

    Every deployment publishes versions; with the setting trafficShiftPercent `shift` makes them
    live.
    """
