"""`status`, `outputs`, `env`: what the stack is, and how to reach it."""

import json
import shlex
import sys
from pathlib import Path

import click
from pydantic import BaseModel

from local.commands.options import FAILURE, LocalCommand, form_options, state_dir_option
from local.output import open_console, print_outputs
from local.stack_status import StackStatus, print_status
from local.state import read_local_stack, state_directory


@click.command(cls=LocalCommand)
@form_options
@state_dir_option
def status(*, form: str | None, directory: Path | None) -> None:
    """Say whether the stack, its parts and its mappings work; exit code 1 if one doesn't."""
    found = StackStatus.read(state_directory(directory))
    if _prints_json(form):
        _print_json(found)
    else:
        print_status(open_console(), found)
    if not found.healthy:
        sys.exit(FAILURE)


@click.command(cls=LocalCommand)
@form_options
@state_dir_option
def outputs(*, form: str | None, directory: Path | None) -> None:
    """Print the stack's outputs; as JSON, one flat object, as `pulumi stack output --json`."""
    stack = read_local_stack(directory)
    if _prints_json(form):
        _print_json(stack.outputs)
    else:
        print_outputs(open_console(), stack)


def _print_json(result: BaseModel) -> None:
    # In ASCII: a terminal obeys none of it.
    click.echo(json.dumps(result.model_dump(mode="json", by_alias=True), indent=2))


def _prints_json(form: str | None) -> bool:
    return form == "json" if form else not sys.stdout.isatty()


@click.command(cls=LocalCommand)
@state_dir_option
def env(directory: Path | None) -> None:
    """Print export lines for aws, curl and others: API_URL, AWS_ENDPOINT_URL, the region, the keys.

    Use them with: eval "$(python -m local env)". The keys are drawn anew at each start.
    """
    stack = read_local_stack(directory)
    for name, value in {
        "API_URL": stack.outputs.api_url,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.secret_access_key,
    }.items():
        click.echo(f"export {name}={shlex.quote(value)}")
