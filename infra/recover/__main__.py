"""The command: `python -m infra.recover --stack dev`."""

import sys

import click
from botocore.exceptions import BotoCoreError, ClientError

from infra.recover.errors import RecoverError
from infra.recover.lookups import Aws
from infra.recover.pulumi_cli import PulumiCli
from infra.recover.recovery import recover

PATIENCE_SECONDS = 10.0
"""A plugin may outlive its engine and complete a call; the AWS provider's calls take seconds."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-s", "--stack", required=True, help="Name of the stack.")
@click.option(
    "--cancel",
    metavar="USER@HOST",
    help="Remove a lock of this owner too; `*` stands for anything, as in 'runner@*'. Only if it no longer runs.",
)
@click.option(
    "--patience",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=PATIENCE_SECONDS,
    show_default=True,
    help="How long to look for what isn't found: a plugin may still create it.",
)
def main(stack: str, cancel: str | None, patience: float) -> None:
    """Complete the state after a `pulumi up` that was killed; then run `pulumi up` again.

    Resources that exist are added to the state, the lock and the pending operations are removed.
    With nothing to do it changes nothing. It needs what `pulumi up` needs: the login, AWS
    credentials, and the passphrase or key of the stack's secrets.
    """
    try:
        recover(PulumiCli(stack, cancel, click.echo), Aws(), patience_seconds=patience)
    except RecoverError as error:
        raise click.ClickException(str(error)) from None
    except (ClientError, BotoCoreError) as error:
        raise click.ClickException(f"{error}. Nothing was changed.") from None


if __name__ == "__main__":
    try:
        main(prog_name="python -m infra.recover")
    except KeyboardInterrupt:
        sys.exit(130)
