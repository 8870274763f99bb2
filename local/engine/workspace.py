"""Stacks for the real engine: their files, their environment, and their deletion."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

from infra import naming
from infra.naming import PROJECT_ROOT
from infra.program import deploy
from infra.settings.stack_file import stack_file_config
from local.engine.recovery import PATH_VARIABLE
from local.process import child_environment
from local.root_keys import RootKeys
from local.state import write_atomically

ENGINE_ROOT = PROJECT_ROOT / ".engine"
CLI = ENGINE_ROOT / "bin" / "pulumi"
PLUGIN_FOLDER = PROJECT_ROOT / "local" / "engine" / "plugins"

Program = Callable[[], None]


class EngineMissingError(Exception):
    """There is no Pulumi CLI; the message says how to get one."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The engine's home, its state and its stacks in one directory, for one emulator.

    Attributes:
        directory: where all of it is.
        endpoint_url: of the emulator.
        keys: of its account.
        stack_files: the directory with each stack's `Pulumi.<name>.yaml`.
    """

    directory: Path
    endpoint_url: str
    keys: RootKeys
    stack_files: Path = PROJECT_ROOT

    def stack(
        self, name: str, *, program: Program = deploy, changes: Mapping[str, str | None] | None = None
    ) -> automation.Stack:
        """Open a stack, or create it from `Pulumi.<name>.yaml`, for a program that the engine runs.

        `changes` maps a full configuration key to another value, or to None to unset it. Raise
        EngineMissingError without a CLI, and FileNotFoundError if the stack has no file.
        """
        if not CLI.exists():
            raise EngineMissingError(
                f"{CLI} does not exist: run make engine (it takes the pulumi on PATH, or builds it)"
            )
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / "Pulumi.yaml", folder)
        _write_config(folder / f"Pulumi.{name}.yaml", {**stack_file_config(name, self.stack_files), **(changes or {})})
        return automation.create_or_select_stack(
            name,
            project_name=naming.PROJECT,
            program=program,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder),
                pulumi_command=automation.PulumiCommand(root=str(ENGINE_ROOT)),
                env_vars={**self.environment(), PATH_VARIABLE: str(self.created_file(name))},
            ),
        )

    def created_file(self, name: str) -> Path:
        """Return where a stack's plugins write down what they create."""
        return self.directory / name / "created.jsonl"

    def environment(self) -> dict[str, str]:
        """Return the CLI's environment, without the user's account, home and stacks."""
        state = self.directory / "state"
        state.mkdir(parents=True, exist_ok=True)
        variables = child_environment(
            os.environ,
            HOME=str(self.directory),
            PULUMI_HOME=str(self.directory / "home"),
            # Without an attributes file beside each file: the backend replaces the state in one
            # step, but overwrites its attributes in place, so an engine killed meanwhile left a
            # stack that no command could read.
            PULUMI_BACKEND_URL=f"{state.as_uri()}?metadata=skip",
            # It protects only secrets of the emulator. A stack on AWS has its own
            # (docs/adopting.md).
            PULUMI_CONFIG_PASSPHRASE="emulator",  # noqa: S106  as said
            PULUMI_SKIP_UPDATE_CHECK="true",
            AWS_ENDPOINT_URL=self.endpoint_url,
            AWS_ACCESS_KEY_ID=self.keys.access_key_id,
            AWS_SECRET_ACCESS_KEY=self.keys.secret_access_key,
            USERSTREAM_PYTHON=sys.executable,
        )
        variables["PATH"] = os.pathsep.join([str(PLUGIN_FOLDER), str(CLI.parent), variables.get("PATH", "")])
        return variables


def _write_config(path: Path, config: Mapping[str, str | None]) -> None:
    """Write a stack's configuration, and keep what the engine added to the file."""
    # The engine adds the stack's salt by overwriting the file in place; killed right then, it
    # leaves an empty one.
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    document: dict[str, Any] = yaml.safe_load(written) or {}
    document["config"] = {key: value for key, value in config.items() if value is not None}
    write_atomically(path, yaml.safe_dump(document))


def destroy_stack(stack: automation.Stack, **listeners: Any) -> None:
    """Delete everything in a stack, or nothing if something is protected.

    Like `pulumi destroy` it previews first: otherwise the Automation API would delete everything
    else before it stops at what is protected. Raise CommandError if that happens or a deletion
    fails.
    """
    stack.preview_destroy(**listeners)
    stack.destroy(**listeners)
