"""`reconnect`, `deploy`, `poison`: changes to a running stack."""

from pathlib import Path

import click

from local.actions import unsupported_schema_version, write_unsupported_user
from local.commands.options import LocalCommand, state_dir_option
from local.output import open_console
from local.process import TerminationRequested, termination_signals
from local.reconnect import reconnect as reconnect_streams
from local.state import LocalStackError, clients_of, read_local_stack, state_directory, write_local_stack


@click.command(cls=LocalCommand)
@state_dir_option
def reconnect(*, directory: Path | None) -> None:
    """Read the tables' streams again after one was switched off, or off and on.

    `pulumi up --refresh` does so on AWS.
    """
    stack = read_local_stack(directory)
    done = False
    for text, outputs in reconnect_streams(stack):
        write_local_stack(state_directory(directory), stack.model_copy(update={"outputs": outputs}))
        open_console().print(text, soft_wrap=True, highlight=False, markup=False)
        done = True
    if not done:
        open_console().print("Each consumer reads its table's stream: nothing to do")


@click.command(cls=LocalCommand)
@click.argument("project", type=click.Path(path_type=Path, file_okay=False, exists=True))
@state_dir_option
def deploy(*, project: Path, directory: Path | None) -> None:
    """Deploy another Pulumi project beside the stack, such as a subscriber's to its events.

    PROJECT is its folder, with a program in Python and a Pulumi.local.yaml. Its StackReference to
    organization/userstream/local gets the stack's outputs. It begins anew each time.
    """
    # Imported here, so that the other commands needn't wait for Pulumi.
    from local.deploy.deployment import DeploymentError  # noqa: PLC0415  for that reason
    from local.deploy.subscriber import deploy_subscriber  # noqa: PLC0415  for that reason

    stack = read_local_stack(directory)
    console = open_console()
    try:
        with termination_signals() as pause, console.status(f"Deploying {project}"):
            exports, count = deploy_subscriber(
                project, stack, clients_of(stack), state_directory(directory).resolve(), pause
            )
    except DeploymentError as error:
        raise LocalStackError(str(error)) from error
    except TerminationRequested as error:
        raise LocalStackError("interrupted; run it again, which begins anew") from error
    for name, value in exports.items():
        console.print(f"{name}  {value}", soft_wrap=True, highlight=False, markup=False)
    console.print(f"{count} resources deployed")


@click.command(cls=LocalCommand)
@state_dir_option
def poison(directory: Path | None) -> None:
    """Write a user whose schemaVersion no function supports, past the API.

    Its stream record ends, whole, in the dead-letter queue, and those around it are processed. The
    fix is a line of code; after it the record can be replayed.
    """
    user_id, version = write_unsupported_user(read_local_stack(directory)), unsupported_schema_version()
    click.echo(
        f"Wrote user {user_id}\n"
        f"No function can process its schemaVersion, {version}. See where it went:\n"
        "  python -m ops --stack local dlq list\n"
        f"The fix: add {version} to SUPPORTED_SCHEMA_VERSIONS in this file, live within 2 s:\n"
        "  functions/stream_records/schema_versions.py\n"
        "Then:\n"
        "  python -m ops --stack local dlq replay --all"
    )
