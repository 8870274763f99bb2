"""`python -m local.engine`: the real engine's commands, on an emulator of their own."""

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from pulumi.automation.errors import CommandError

from infra import naming
from infra.naming import PROJECT_ROOT
from infra.outputs import output_names
from infra.settings.model import REGION_KEY
from infra.settings.stack_file import StackFileError, stack_file_config
from local.aws_clients import Clients
from local.emulator import DEFAULT_REGION, HOST, Emulator, EmulatorError, is_healthy
from local.engine.recovery import StillRunningError, recover
from local.engine.workspace import EngineMissingError, Workspace, destroy_stack
from local.process import remove_user_settings
from local.root_keys import read_root_keys, write_root_keys

POLICY_PACK = PROJECT_ROOT / "guardrails"

_PORT = 4567
"""One above the local stack's own emulator, so that both can run."""

_DIRECTORY = PROJECT_ROOT / ".local" / "engine"
_POLL_SECONDS = 0.25

Command = TypeVar("Command", bound=Callable[..., Any])


def _settings(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE, as in userstream:streamBatchSize=10")
        # As `pulumi config set` does it; otherwise the stack's file would hold the setting under
        # both names.
        settings[key if ":" in key else f"{naming.PROJECT}:{key}"] = value
    return settings


stack_option = click.option("-s", "--stack", default="local", show_default=True, help="Name of the stack.")
config_option = click.option(
    "--config", multiple=True, callback=_settings, metavar="KEY=VALUE", help="Another value for a setting, this once."
)
policy_pack_option = click.option("--guardrails/--no-guardrails", default=True, help="Run the policy pack as well.")


def emulator_options(command: Command) -> Command:
    """Add `--port` and `--state-dir`."""
    port = click.option("--port", default=_PORT, show_default=True, help="The emulator's port.")
    directory = click.option(
        "--state-dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        default=_DIRECTORY,
        show_default=".local/engine",
        help="Where the engine keeps its state.",
    )
    return port(directory(command))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The real Pulumi engine over the emulator, without an account. On AWS use `pulumi` itself."""


@cli.command()
@emulator_options
def emulator(port: int, directory: Path) -> None:
    """Run an empty emulator for the other commands, until Ctrl-C. Deletes all earlier state."""
    shutil.rmtree(directory / "state", ignore_errors=True)
    try:
        with _running_emulator(port, directory) as running:
            write_root_keys(directory, running.keys)
            click.echo(f"The emulator answers on {running.endpoint_url}. Ctrl-C ends it, and all that is in it.")
            while True:
                running.check_alive()
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        click.echo("Ended.")


@cli.command()
@stack_option
@config_option
@emulator_options
@policy_pack_option
def preview(stack: str, config: Mapping[str, str], port: int, directory: Path, guardrails: bool) -> None:  # noqa: FBT001  an option
    """Show what `up` would do. Without a running emulator: from nothing."""
    with _workspace_for_preview(port, directory) as workspace:
        opened = workspace.stack(stack, changes=config)
        with _engine_output() as listeners:
            opened.preview(policy_packs=[str(POLICY_PACK)] if guardrails else [], **listeners)


@cli.command()
@stack_option
@config_option
@emulator_options
@policy_pack_option
def up(stack: str, config: Mapping[str, str], port: int, directory: Path, guardrails: bool) -> None:  # noqa: FBT001  an option
    """Create or update a stack in the running emulator."""
    opened = _workspace(port, directory).stack(stack, changes=config)
    with _engine_output() as listeners:
        opened.up(policy_packs=[str(POLICY_PACK)] if guardrails else [], **listeners)


@cli.command()
@stack_option
@emulator_options
def refresh(stack: str, port: int, directory: Path) -> None:
    """Read the stack's resources and write what they are now into its state."""
    opened = _workspace(port, directory).stack(stack)
    with _engine_output() as listeners:
        opened.refresh(**listeners)


@cli.command()
@stack_option
@emulator_options
def cancel(stack: str, port: int, directory: Path) -> None:
    """Repair the state after an `up` that was killed; the next one completes it."""
    workspace = _workspace(port, directory)
    region = stack_file_config(stack)[REGION_KEY]
    clients = Clients(workspace.endpoint_url, region, *workspace.keys)
    found = recover(workspace.created_file(stack), workspace.stack(stack), clients)
    click.echo(f"The lock is removed. Resources found and added to the state: {found}.")


@cli.command()
@stack_option
@emulator_options
def destroy(stack: str, port: int, directory: Path) -> None:
    """Delete everything in the stack. A protected resource stops it before anything is deleted."""
    opened = _workspace(port, directory).stack(stack)
    with _engine_output() as listeners:
        destroy_stack(opened, **listeners)


@cli.command()
@stack_option
@emulator_options
def outputs(stack: str, port: int, directory: Path) -> None:
    """Print the stack's outputs as one flat JSON object, as `pulumi stack output --json` does."""
    found = _workspace(port, directory).stack(stack).outputs()
    click.echo(json.dumps({name: found[name].value for name in output_names() if name in found}, indent=2))


@contextmanager
def _engine_output() -> Generator[dict[str, Any]]:
    """Give the engine's listeners, and leave interrupts and failures to the engine.

    The terminal sends Ctrl-C to the engine too, which completes and records what it has begun. It
    is ignored here by a handler and not by SIG_IGN, which the engine would inherit. After a failure
    the exit code is 1, without a message: the engine has printed why.
    """
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield {"on_output": click.echo, "on_error": partial(click.echo, err=True)}
    except CommandError:
        raise click.exceptions.Exit(1) from None
    finally:
        signal.signal(signal.SIGINT, before)


def _workspace(port: int, directory: Path) -> Workspace:
    endpoint_url = f"http://{HOST}:{port}"
    keys = read_root_keys(directory)
    if keys is None or not is_healthy(endpoint_url, keys):
        raise click.ClickException(
            f"no emulator answers on {endpoint_url}. In another terminal: python -m local.engine emulator --port {port}"
        )
    return Workspace(directory=directory, endpoint_url=endpoint_url, keys=keys)


@contextmanager
def _workspace_for_preview(port: int, directory: Path) -> Generator[Workspace]:
    """The workspace of the running emulator, or one for this preview alone."""
    keys = read_root_keys(directory)
    if keys is not None and is_healthy(f"http://{HOST}:{port}", keys):
        yield _workspace(port, directory)
        return
    with (
        tempfile.TemporaryDirectory(prefix="userstream-engine-") as temporary,
        _running_emulator(0, Path(temporary)) as running,
    ):
        yield Workspace(directory=Path(temporary) / "engine", endpoint_url=running.endpoint_url, keys=running.keys)


@contextmanager
def _running_emulator(port: int, directory: Path) -> Generator[Emulator]:
    running = Emulator(port, DEFAULT_REGION, directory)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


def main() -> None:
    """Run one command; print an error as text, with exit code 1."""
    remove_user_settings()
    try:
        cli.main(prog_name="python -m local.engine")
    except CommandError as error:
        # The SDK keeps one text of the command, whose last part is what the engine wrote to stderr.
        text = str(error)
        click.echo(text.partition(" stderr: ")[2].strip() or text, err=True)
        sys.exit(1)
    except (EmulatorError, EngineMissingError, FileNotFoundError, StackFileError, StillRunningError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
