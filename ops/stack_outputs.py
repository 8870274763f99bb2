"""Read a stack's outputs from the pulumi CLI, a file that it wrote, or the local stack."""

import json
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from local.event_source_mappings.status import read_mappings
from local.state import LocalStackNotRunningError, is_process_running, read_local_stack, state_directory
from ops.errors import LocalStackDownError, NotFoundError, PulumiError, WrongUsageError

LOCAL_STACK_NAME = "local"

PULUMI_SECONDS = 120  # longest wait for the CLI, whose backend is across the network


class LocalMapping(NamedTuple):
    """One event source mapping, as the local poller serves it."""

    function: str
    source: str  # ARN of the stream or queue
    state: str  # delivering, or why not: waiting, refused, failing
    reason: str


class LocalPoller(NamedTuple):
    """The process that does the event source mappings' work on the stack local."""

    pid: int | None
    running: bool
    mappings: Sequence[LocalMapping] = ()

    def mapping_of(self, function: str) -> LocalMapping | None:
        """Return the mapping that invokes a function, if the poller says anything of it."""
        return next((mapping for mapping in self.mappings if mapping.function == function), None)


@dataclass(frozen=True, kw_only=True)
class StackAccess:
    """A stack's outputs, and how to reach its services."""

    outputs: StackOutputs
    client_options: Mapping[str, str] = field(default_factory=dict[str, str])
    """botocore's options for an endpoint other than AWS, with its credentials."""
    read_local_poller: Callable[[], LocalPoller | None] = lambda: None
    """Returns how the local poller is now; None for a stack in AWS."""
    source: str  # the option that names the stack: `--stack dev`


def read_stack(stack: str | None, outputs_file: Path | None) -> StackAccess:
    """Return the outputs of the stack that is named or whose outputs are in the file.

    Each OpsError says why that can't be done: a WrongUsageError, LocalStackDownError, PulumiError
    or NotFoundError.
    """
    if stack is not None and outputs_file is not None:
        raise WrongUsageError("--stack and --outputs both name a stack", "give one of them")
    if outputs_file is not None:
        return _from_file(outputs_file)
    if stack is None:
        raise WrongUsageError(
            "No stack is named",
            "say --stack dev, --stack local, or --outputs FILE with what `pulumi stack output --json` printed; "
            "USERSTREAM_STACK=dev in the environment does too",
        )
    return _from_local_stack() if stack == LOCAL_STACK_NAME else _from_pulumi(stack)


def _from_local_stack() -> StackAccess:
    try:
        local = read_local_stack()
    except LocalStackNotRunningError as error:
        raise LocalStackDownError(error.what, error.next_step) from error
    return StackAccess(
        outputs=local.outputs,
        client_options={
            "endpoint_url": local.endpoint_url,
            "aws_access_key_id": local.access_key_id,
            "aws_secret_access_key": local.secret_access_key,
        },
        read_local_poller=lambda: _local_poller(local.poller_pid),
        source=f"--stack {LOCAL_STACK_NAME}",
    )


def _local_poller(pid: int | None) -> LocalPoller:
    mappings = [
        LocalMapping(mapping.function_name, mapping.source_arn, mapping.state, mapping.reason)
        for mapping in read_mappings(state_directory())
    ]
    return LocalPoller(pid, is_process_running(pid), mappings)


def _from_file(path: Path) -> StackAccess:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        advice = f"write it with `pulumi stack output --json > {shlex.quote(str(path))}`"
        raise WrongUsageError(f"The outputs file {path} can't be read: {error}", advice) from error
    return StackAccess(outputs=_parse(text, f"the file {path}"), source=f"--outputs {shlex.quote(str(path))}")


def _from_pulumi(stack: str) -> StackAccess:
    command = ["pulumi", "stack", "output", "--json", "--stack", stack]
    try:
        result = subprocess.run(
            command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=PULUMI_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise PulumiError(
            "The pulumi CLI, which reads the stack's outputs, isn't installed (or not on PATH)",
            "install it, or where it is installed run "
            f"`{shlex.join(command)} > outputs.json`, and give --outputs outputs.json here",
        ) from error
    except subprocess.TimeoutExpired as error:
        message = f"`{shlex.join(command)}` gave no answer for {PULUMI_SECONDS} s"
        raise PulumiError(message, "run it by hand to see what it waits for") from error
    if result.returncode != 0:
        message = result.stderr.strip() or result.stdout.strip()
        if "no stack named" in message:
            raise NotFoundError(f"There is no stack {stack}: {message}", "`pulumi stack ls` lists the stacks")
        raise PulumiError(f"`{shlex.join(command)}` failed: {message}", "run it by hand; `pulumi login` may be missing")
    outputs = _parse(result.stdout, f"`pulumi stack output` of {stack}")
    return StackAccess(outputs=outputs, source=f"--stack {shlex.quote(stack)}")


def function_names(outputs: StackOutputs) -> list[str]:
    """Return the names of the stack's functions, in the order of its outputs."""
    values: dict[str, str | None] = outputs.model_dump(by_alias=True)
    return [value for name, value in values.items() if name.endswith("FunctionName") and value is not None]


def _parse(text: str, where: str) -> StackOutputs:
    try:
        found = json.loads(text)
    except ValueError as error:
        advice = "write it with `pulumi stack output --json`, with the option --json"
        raise WrongUsageError(f"{where} isn't JSON: {error}", advice) from error
    if found == {}:
        raise NotFoundError(f"{where} holds no outputs", "the stack was never deployed: `pulumi up` first")
    try:
        return StackOutputs.model_validate(found)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise WrongUsageError(
            f"{where} doesn't hold this project's outputs: {problems}",
            "is it another project's, or an older deployment's? `pulumi up`, then export them again",
        ) from error
