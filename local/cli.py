"""`python -m local`: the commands of the stack on this machine, each with its short help.

`up` runs the supervisor in this process until Ctrl-C; with --detach, in a process of its own.
"""

import sys
from io import TextIOWrapper

import click

from local.lazy_group import Lazy, LazyGroup
from local.process import remove_user_settings

COMMANDS = {
    "up": Lazy("local.commands.up_and_down:up", "Bring the stack up, and run it until Ctrl-C."),
    "down": Lazy("local.commands.up_and_down:down", "End the stack, wherever it runs; remove its logs."),
    "status": Lazy("local.commands.show:status", "Whether the stack and each of its parts work."),
    "outputs": Lazy("local.commands.show:outputs", "The stack's outputs."),
    "env": Lazy("local.commands.show:env", "Export lines for aws, curl and others."),
    "logs": Lazy("local.commands.follow:logs", "A function's log."),
    "events": Lazy("local.commands.follow:events", "The events for other teams."),
    "poison": Lazy("local.commands.change:poison", "Write a user whom no function can process."),
    "reconnect": Lazy("local.commands.change:reconnect", "Read streams again that were switched off."),
    "deploy": Lazy("local.commands.change:deploy", "Deploy another Pulumi project beside the stack."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The whole stack on this machine: AWS emulator, Pulumi program, poller, page."""


def main() -> None:
    """Run one command."""
    remove_user_settings()
    for stream in (sys.stdout, sys.stderr):
        # A user's name, or our own tick, that the terminal's encoding lacks must not end the stack.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    cli.main(prog_name="python -m local")
