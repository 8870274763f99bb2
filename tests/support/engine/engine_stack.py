"""A stack driven by the Automation API, with each operation in its own process, returned as steps.

Each `pulumi up` of a user is a process too: the SDK keeps connections and event loops in globals.
"""

import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation
from pulumi.automation.errors import CommandError
from pulumi.automation.events import EngineEvent

from infra import naming
from infra.outputs import StackOutputs
from infra.program import deploy
from local.aws_clients import Clients
from local.engine.recovery import recover
from local.engine.workspace import Program, Workspace, destroy_stack
from local.root_keys import write_root_keys
from tests.support.stack import own_settings

QUIET = frozenset({"same", "read", "refresh"})
"""Steps that change nothing."""

MANDATORY = "mandatory"
"""How the pack enforces each rule; what a preview can't check yet is reported as `advisory`."""

Settings = Mapping[str, str | None]

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


@dataclass
class Steps:
    """What the engine did, or would do.

    Attributes:
        changes: type and logical name of each resource that changes, to what is done to it.
        properties: the same, to the names of the properties that differ.
        ids: the ids that resources had afterwards.
        messages: what the engine printed.
        broken_rules: what the policy pack found.
        text: all that was printed.
        outputs: of the stack, after `up`.
    """

    changes: dict[str, str] = field(default_factory=dict[str, str])
    properties: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    ids: set[str] = field(default_factory=set[str])
    messages: list[str] = field(default_factory=list[str])
    broken_rules: list[str] = field(default_factory=list[str])
    text: str = ""
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])

    def on_event(self, event: EngineEvent) -> None:
        """Record one event."""
        if event.diagnostic_event is not None:
            self.messages.append(event.diagnostic_event.message)
        if event.policy_event is not None and event.policy_event.enforcement_level == MANDATORY:
            self.broken_rules.append(f"{event.policy_event.policy_name}: {event.policy_event.message}")
        for step_event in (event.resource_pre_event, event.res_outputs_event):
            if step_event is None:
                continue
            step = step_event.metadata
            name = resource_name(step.urn)
            operation = str(step.op.value)
            if operation not in QUIET:
                self.changes[name] = operation
            if step.diffs:
                self.properties[name] = sorted(step.diffs)
            if step.new is not None and event.res_outputs_event is not None:
                self.ids.add(step.new.id)

    def of_resources(self) -> dict[str, str]:
        """Return the changes of AWS resources, without components and the stack itself."""
        return {name: operation for name, operation in self.changes.items() if name.startswith("aws:")}


class EngineError(Exception):
    """The engine refused or failed; the message is all that it printed.

    Attributes:
        steps: what it did until then.
    """

    def __init__(self, text: str, steps: Steps) -> None:
        super().__init__(text)
        self.steps = steps


@dataclass(frozen=True, kw_only=True)
class EngineStack:
    """One stack of a workspace.

    Attributes:
        workspace: it is in.
        name: of the stack.
        settings: what differs from its file.
    """

    workspace: Workspace
    name: str
    settings: Settings = field(default_factory=dict[str, str | None])

    def preview(self, **options: Any) -> Steps:
        """Preview with options of `_operate` and of the Automation API."""
        return self._run("preview", options)

    def up(self, **options: Any) -> Steps:
        """Create or update."""
        return self._run("up", options)

    def refresh(self) -> Steps:
        """Read the resources into the state."""
        return self._run("refresh", {})

    def destroy(self) -> Steps:
        """Delete everything."""
        return self._run("destroy", {})

    def cancel(self, account: Clients) -> int:
        """Repair the state after a killed operation; return how many resources were found again."""
        return recover(
            self.workspace.created_file(self.name), self.workspace.stack(self.name, changes=self.settings), account
        )

    def take_over(self, resources: Sequence[Mapping[str, Any]]) -> None:
        """Make these the stack's state, as `pulumi stack import` does."""
        manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}
        deployment = automation.Deployment(version=3, deployment={"manifest": manifest, "resources": [*resources]})
        self.workspace.stack(self.name, changes=self.settings).import_stack(deployment)

    def resources(self) -> list[dict[str, Any]]:
        """Return the state of every resource from its file; an export would decrypt the secrets."""
        return json.loads(self.state_file.read_text(encoding="utf-8"))["checkpoint"]["latest"]["resources"]

    @property
    def state_file(self) -> Path:
        """The state's file in the engine's backend."""
        return self.workspace.directory / "state" / ".pulumi" / "stacks" / naming.PROJECT / f"{self.name}.json"

    def _run(self, operation: str, options: dict[str, Any]) -> Steps:
        with ProcessPoolExecutor(1, mp_context=_PROCESSES) as process:
            steps, failure = process.submit(_operate, self, operation, **options).result()
        if failure is not None:
            raise EngineError(failure, steps)
        return steps


def _operate(
    stack: EngineStack,
    operation: str,
    *,
    settings: Settings | None = None,
    program: Program = deploy,
    transform: pulumi.ResourceTransform | None = None,
    **options: Any,
) -> tuple[Steps, str | None]:
    """Run one operation.

    Args:
        stack: whose.
        operation: preview, up, refresh or destroy.
        settings: what differs this once.
        program: what the engine runs.
        transform: changes what the program registers, on the way to the engine.
        options: of the Automation API.

    Returns:
        The steps, and what was printed where it failed.
    """
    steps = Steps()
    opened = stack.workspace.stack(
        stack.name, program=_transformed(program, transform), changes={**stack.settings, **(settings or {})}
    )
    try:
        if operation == "destroy":
            destroy_stack(opened, on_event=steps.on_event)
        else:
            result = getattr(opened, operation)(on_event=steps.on_event, **options)
            steps.text = result.stdout
            steps.outputs = {name: output.value for name, output in getattr(result, "outputs", {}).items()}
    except CommandError as error:
        return steps, str(error)
    return steps, None


def _transformed(program: Program, transform: pulumi.ResourceTransform | None) -> Program:
    if transform is None:
        return program

    def with_transform() -> None:
        pulumi.runtime.register_resource_transform(transform)
        program()

    return with_transform


def as_typed(command: str, account: Clients, directory: Path) -> list[str]:
    """Return a user's command line of `python -m local.engine` for the local stack."""
    write_root_keys(directory, account.keys)
    port = account.endpoint_url.rpartition(":")[2]
    return [sys.executable, "-m", "local.engine", command, "--port", port, "--state-dir", str(directory)]


def resource_name(urn: str) -> str:
    """Return type and name of a URN: `aws:sqs/queue:Queue dead-letter-queue`."""
    parts = urn.split("::")
    return f"{parts[2].rpartition('$')[2]} {parts[3]}"


@dataclass(frozen=True, kw_only=True)
class Deployed(EngineStack):
    """A stack that is up.

    Attributes:
        first: what bringing it up did.
        outputs: its outputs, checked against their contract.
    """

    first: Steps
    outputs: StackOutputs


def engine_workspace(directory: Path, account: Clients) -> Workspace:
    """Return a workspace in an account, whose stacks have the tests' own settings."""
    return Workspace(
        directory=directory,
        endpoint_url=account.endpoint_url,
        keys=account.keys,
        stack_files=own_settings.DIRECTORY,
    )


def bring_up(workspace: Workspace, name: str, settings: Settings) -> Deployed:
    """Bring a stack up for the first time."""
    first = EngineStack(workspace=workspace, name=name, settings=settings).up()
    outputs = StackOutputs.model_validate(first.outputs)
    return Deployed(workspace=workspace, name=name, settings=settings, first=first, outputs=outputs)
