"""Stacks of the program for the real engine, with all of its files in one folder.

The program is inline: this process is its language host, so no language plugin is needed. The engine finds the provider
plugin of local/engine/provider on PATH.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from pulumi import automation

from infra import naming
from infra.naming import PROJECT_ROOT
from infra.program import deploy
from infra.settings.stack_file import stack_file_config
from local import emulator
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import ResourceError
from local.deploy.resources.registry import handler_for
from local.engine.provider.emulator_provider import PATH_VARIABLE, CreatedResources, PluginRunningError
from local.engine.provider.wire_values import is_secret, json_values, plain_json
from local.process import child_environment
from local.state import write_atomically

ENGINE_ROOT = PROJECT_ROOT / ".engine"
CLI = ENGINE_ROOT / "bin" / "pulumi"
PLUGIN_FOLDER = PROJECT_ROOT / "local" / "engine" / "plugins"

Program = Callable[[], None]


class EngineMissingError(Exception):
    """There is no Pulumi CLI to drive; the message says how to get one."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where the engine keeps what it keeps.

    Attributes:
        directory: of the engine's home, its state and the stacks' files; of nobody else.
        endpoint_url: the emulator.
    """

    directory: Path
    endpoint_url: str

    def stack(
        self, name: str, *, program: Program = deploy, changes: Mapping[str, str | None] | None = None
    ) -> automation.Stack:
        """A stack, made where there is none yet.

        Args:
            name: of the stack; it starts from `Pulumi.<name>.yaml`.
            program: what the engine runs.
            changes: full configuration key to another value, or None to unset it.

        Raises:
            EngineMissingError: no CLI.
            FileNotFoundError: the stack has no file.
        """
        folder = self.directory / name
        self._write_project(folder)
        self._write_config(folder, name, changes or {})
        return automation.create_or_select_stack(
            name,
            project_name=naming.PROJECT,
            program=program,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder),
                pulumi_command=find_cli(),
                env_vars={**self.environment(), PATH_VARIABLE: str(self.created_file(name))},
            ),
        )

    def created_file(self, name: str) -> Path:
        """Where a stack's plugins write down what they make."""
        return self.directory / name / "created.jsonl"

    def environment(self) -> dict[str, str]:
        """What the CLI sees: nothing of the user's account, home or stacks."""
        state = self.directory / "state"
        state.mkdir(parents=True, exist_ok=True)
        variables = child_environment(
            os.environ,
            HOME=str(self.directory),
            PULUMI_HOME=str(self.directory / "home"),
            # Without a file of attributes beside each file: the backend replaces the state in one step and overwrites
            # its attributes in place, so an engine killed meanwhile left a stack that no command could read.
            PULUMI_BACKEND_URL=f"{state.as_uri()}?metadata=skip",
            # It guards secrets of the emulator only. A stack on AWS has its own (docs/adopting.md).
            PULUMI_CONFIG_PASSPHRASE="emulator",  # noqa: S106  as said
            PULUMI_SKIP_UPDATE_CHECK="true",
            AWS_ENDPOINT_URL=self.endpoint_url,
            AWS_ACCESS_KEY_ID=emulator.ACCESS_KEY_ID,
            AWS_SECRET_ACCESS_KEY=emulator.SECRET_ACCESS_KEY,
            USERSTREAM_PYTHON=sys.executable,
        )
        variables["PATH"] = os.pathsep.join([str(PLUGIN_FOLDER), str(CLI.parent), variables.get("PATH", "")])
        return variables

    def _write_project(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / "Pulumi.yaml", folder)

    def _write_config(self, folder: Path, name: str, changes: Mapping[str, str | None]) -> None:
        """Write the stack's file as it is in the project, with the changes, and with what the engine added to ours."""
        path = folder / f"Pulumi.{name}.yaml"
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        # The engine overwrites it in place as it adds the stack's salt: killed right then, it leaves an empty one.
        document: dict[str, Any] = yaml.safe_load(written) or {}
        config = {**stack_file_config(name), **changes}
        document["config"] = {key: value for key, value in config.items() if value is not None}
        write_atomically(path, yaml.safe_dump(document))


def destroy(stack: automation.Stack, **listeners: Any) -> None:
    """Delete all that a stack has made, or nothing of it.

    It looks first, as `pulumi destroy` does and the Automation API doesn't, and ends where something is protected: by
    then the Automation API would have deleted the rest.

    Args:
        stack: the stack.
        listeners: `on_output`, `on_error`, `on_event`, as the Automation API has them.

    Raises:
        automation.errors.CommandError: something is protected, or can't be deleted.
    """
    stack.preview_destroy(**listeners)
    stack.destroy(**listeners)


def find_cli() -> automation.PulumiCommand:
    """The CLI that `make engine` put here.

    Raises:
        EngineMissingError: it didn't.
    """
    if not CLI.exists():
        raise EngineMissingError(f"{CLI} does not exist: run make engine (it takes the pulumi on PATH, or builds it)")
    return automation.PulumiCommand(root=str(ENGINE_ROOT))


# After an engine that was killed: its lock is taken away, and what it had begun to create is found
# again.

PLUGIN_SECONDS = 20.0
"""How long a plugin may take to end what its engine began."""


class StillRunningError(Exception):
    """The stack's engine runs; the message says what to do."""


def cancel(workspace: Workspace, stack: automation.Stack, clients: Clients) -> int:
    """Bring a stack's state in order, so that the next `up` completes what the killed one began.

    A resource that came to be, and that the engine didn't live to write down, gets into the state; one that didn't
    is forgotten, and the next `up` creates it. `pulumi refresh` does the same on AWS, by asking for each id.

    Args:
        workspace: the stack's.
        stack: of which no operation runs any more.
        clients: of the stack's region.

    Returns:
        How many resources were found again.

    Raises:
        StillRunningError: an operation does run.
    """
    try:
        ids = CreatedResources(workspace.created_file(stack.name)).ids_after_the_plugins(PLUGIN_SECONDS)
    except PluginRunningError as error:
        raise StillRunningError(
            f"an operation on stack '{stack.name}' still runs: end it first, with Ctrl-C"
        ) from error
    stack.cancel()
    exported = stack.export_stack()
    state: dict[str, Any] = dict(exported.deployment or {})
    pending = cast("list[dict[str, Any]]", state.pop("pending_operations", None) or [])
    begun: list[dict[str, Any]] = [each["resource"] for each in pending if each["type"] == "creating"]
    found = [made for resource in begun if (made := _as_it_is(clients, resource, ids.get(resource["urn"])))]
    if pending:
        state["resources"] = [*state["resources"], *found]
        stack.import_stack(automation.Deployment(exported.version, state))
    return len(found)


def _as_it_is(clients: Clients, resource: Mapping[str, Any], resource_id: str | None) -> dict[str, Any] | None:
    """A resource as the engine would have written it down, or None where there is none."""
    if resource_id is None:
        return None
    inputs = cast("Mapping[str, Any]", resource.get("inputs", {}))
    try:
        live = handler_for(resource["type"]).read(clients, resource_id, plain_json(inputs))
    except ResourceError:
        return None
    if live is None:
        return None
    secrets = {name: value for name, value in inputs.items() if is_secret(value)}
    return {**resource, "id": resource_id, "outputs": {**json_values(live), **secrets}}
