"""`python -m local.engine`: preview, up, refresh and destroy by the real engine, on an emulator of its own."""

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from pulumi.automation.errors import CommandError

from infra import naming
from infra.naming import PROJECT_ROOT
from infra.outputs import output_names
from infra.settings.model import REGION_KEY
from infra.settings.stack_file import StackFileError, stack_file_config
from local.deploy.resources.clients import Clients
from local.emulator import ACCESS_KEY_ID, HOST, SECRET_ACCESS_KEY, Emulator, EmulatorError, is_healthy
from local.engine.workspace import EngineMissingError, StillRunningError, Workspace
from local.engine.workspace import cancel as cancel_killed
from local.engine.workspace import destroy as destroy_stack
from local.process import remove_user_settings

DEFAULT_PORT = 4567
"""One above the local stack's own emulator, so that both can run."""

DEFAULT_DIRECTORY = PROJECT_ROOT / ".local" / "engine"
EMULATOR_REGION = "us-east-1"
LOOK_SECONDS = 0.25
POLICY_PACK = PROJECT_ROOT / "guardrails"


def _settings(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """Read KEY=VALUE."""
    settings: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE, as in userstream:streamBatchSize=10")
        # As `pulumi config set` takes it. Left as it is, the stack's file would hold the setting under both names.
        settings[key if ":" in key else f"{naming.PROJECT}:{key}"] = value
    return settings


stack_option = click.option("-s", "--stack", default="local", show_default=True, help="Name of the stack.")
config_option = click.option(
    "--config", multiple=True, callback=_settings, metavar="KEY=VALUE", help="Another value for a setting, this once."
)
port_option = click.option("--port", default=DEFAULT_PORT, show_default=True, help="The emulator's port.")
directory_option = click.option(
    "--state-dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DIRECTORY,
    show_default=".local/engine",
    help="Where the engine keeps its state.",
)
policy_pack_option = click.option("--guardrails/--no-guardrails", default=True, help="Run the policy pack as well.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The real Pulumi engine over the emulator, without an account. On AWS it is `pulumi` itself."""


@cli.command()
@port_option
@directory_option
def emulator(port: int, directory: Path) -> None:
    """Run an empty emulator for the other commands, until Ctrl-C. What was deployed to the last one is forgotten."""
    shutil.rmtree(directory / "state", ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    running = Emulator(port, EMULATOR_REGION, directory)
    try:
        running.wait_until_ready()
        click.echo(f"The emulator answers on {running.endpoint_url}. Ctrl-C ends it, and all that is in it.")
        while True:
            running.check_alive()
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        click.echo("Ended.")
    finally:
        running.stop()


@cli.command()
@stack_option
@config_option
@port_option
@directory_option
@policy_pack_option
def preview(stack: str, config: Mapping[str, str], port: int, directory: Path, guardrails: bool) -> None:  # noqa: FBT001  an option
    """Show what `up` would do. Without a running emulator: from nothing."""
    with _workspace_for_preview(port, directory) as workspace:
        opened = workspace.stack(stack, changes=config)
        with _told_by_the_engine():
            opened.preview(on_output=click.echo, on_error=_complain, policy_packs=_policy_packs(guardrails))


@cli.command()
@stack_option
@config_option
@port_option
@directory_option
@policy_pack_option
def up(stack: str, config: Mapping[str, str], port: int, directory: Path, guardrails: bool) -> None:  # noqa: FBT001  an option
    """Create or update a stack in the running emulator."""
    opened = _workspace(port, directory).stack(stack, changes=config)
    with _engine_ends_itself(), _told_by_the_engine():
        opened.up(on_output=click.echo, on_error=_complain, policy_packs=_policy_packs(guardrails))


@cli.command()
@stack_option
@port_option
@directory_option
def refresh(stack: str, port: int, directory: Path) -> None:
    """Look at what is really there, and write it down."""
    opened = _workspace(port, directory).stack(stack)
    with _engine_ends_itself(), _told_by_the_engine():
        opened.refresh(on_output=click.echo, on_error=_complain)


@cli.command()
@stack_option
@port_option
@directory_option
def cancel(stack: str, port: int, directory: Path) -> None:
    """Bring the state in order after an `up` that was killed; the next one completes it."""
    workspace = _workspace(port, directory)
    region = stack_file_config(stack)[REGION_KEY]
    clients = Clients(workspace.endpoint_url, region, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    found = cancel_killed(workspace, workspace.stack(stack), clients)
    click.echo(f"The lock is gone. Made, and now known: {found}.")


@cli.command()
@stack_option
@port_option
@directory_option
def destroy(stack: str, port: int, directory: Path) -> None:
    """Delete all that the stack has made. What is protected makes it stop before anything is deleted."""
    opened = _workspace(port, directory).stack(stack)
    with _engine_ends_itself(), _told_by_the_engine():
        destroy_stack(opened, on_output=click.echo, on_error=_complain)


@cli.command()
@stack_option
@port_option
@directory_option
def outputs(stack: str, port: int, directory: Path) -> None:
    """Print the stack's outputs as one flat JSON object, as `pulumi stack output --json` does."""
    found = _workspace(port, directory).stack(stack).outputs()
    click.echo(json.dumps({name: found[name].value for name in output_names() if name in found}, indent=2))


@contextmanager
def _told_by_the_engine() -> Generator[None]:
    """Where the operation fails, end with exit code 1 and no word more: the engine has printed why."""
    try:
        yield
    except CommandError:
        raise click.exceptions.Exit(1) from None


@contextmanager
def _engine_ends_itself() -> Generator[None]:
    """On Ctrl-C, wait: the terminal sends it to the engine too, which ends what it has begun and writes it down.

    A handler and not SIG_IGN, which the engine would inherit.
    """
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _complain(text: str) -> None:
    click.echo(text, err=True)


def _policy_packs(guardrails: bool) -> list[str]:  # noqa: FBT001  an option's value
    return [str(POLICY_PACK)] if guardrails else []


def _workspace(port: int, directory: Path) -> Workspace:
    endpoint_url = f"http://{HOST}:{port}"
    if not is_healthy(endpoint_url):
        raise click.ClickException(
            f"no emulator answers on {endpoint_url}. In another terminal: python -m local.engine emulator --port {port}"
        )
    return Workspace(directory=directory, endpoint_url=endpoint_url)


@contextmanager
def _workspace_for_preview(port: int, directory: Path) -> Generator[Workspace]:
    """The workspace of the running emulator, or one for this preview alone."""
    if is_healthy(f"http://{HOST}:{port}"):
        yield _workspace(port, directory)
        return
    with tempfile.TemporaryDirectory(prefix="userstream-engine-") as temporary:
        running = Emulator(0, EMULATOR_REGION, Path(temporary))
        try:
            running.wait_until_ready()
            yield Workspace(directory=Path(temporary) / "engine", endpoint_url=running.endpoint_url)
        finally:
            running.stop()


def main() -> None:
    """Run one command; what goes wrong is told in words, with exit code 1."""
    remove_user_settings()
    try:
        cli.main(prog_name="python -m local.engine")
    except CommandError as error:
        # All that the SDK keeps of the command is one text, whose last part is what the engine wrote on stderr.
        told = str(error)
        click.echo(told.partition(" stderr: ")[2].strip() or told, err=True)
        sys.exit(1)
    except (EmulatorError, EngineMissingError, FileNotFoundError, StackFileError, StillRunningError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
