"""Deploy another Pulumi project into the running stack's emulator, as its team would on AWS.

Such a project reads our outputs by a StackReference to `organization/userstream/local`. Its
resources are written down in the state directory, before and after each is made, and a deployment
deletes those of the last one first. So it begins anew, also after one that was killed.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from infra import naming
from infra.settings.stack_file import StackFileError, stack_file_config
from local.aws_clients import Clients
from local.deploy.deployment import DeployedResource, DeploymentError, PulumiProject, run_project
from local.deploy.handler import Properties
from local.deploy.registry import handler_for
from local.deploy.values import fill
from local.process import Pause
from local.state import STACK, LocalStack

REFERENCE = f"organization/{naming.PROJECT}/{STACK}"
"""What a StackReference to the stack on this machine names."""

_QUEUE = "aws:sqs/queue:Queue"
_MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"

_RECORDS = "deployed"
"""Folder of the state directory: a file for each project."""


def deploy_subscriber(
    directory: Path, stack: LocalStack, clients: Clients, state_directory: Path, pause: Pause
) -> tuple[Properties, int]:
    """Deploy the project in a directory; return what it exports, and how many resources it has.

    Its configuration is in its Pulumi.local.yaml. A process can do so only once.

    Raises:
        DeploymentError: the project can't be read or deployed; the message says where and why.
    """
    directory = directory.resolve()
    name = _project_name(directory)
    try:
        config = stack_file_config(STACK, directory)
    except (FileNotFoundError, StackFileError) as error:
        raise DeploymentError(str(error)) from error
    record = _Record(state_directory / _RECORDS / f"{name}.jsonl")
    record.delete_resources(clients)
    project = PulumiProject(
        name=name,
        program=_program(directory),
        config=config,
        references={REFERENCE: stack.outputs.model_dump(by_alias=True)},
    )
    with _working_directory(directory):
        exports, resources = run_project(clients, project, record.made, pause, record.begun)
    return exports, len(resources)


def _project_name(directory: Path) -> str:
    path = directory / "Pulumi.yaml"
    try:
        project: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        name, runtime = project["name"], project["runtime"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DeploymentError(f"{path} is not that of a Pulumi project: {error}") from error
    runtime = runtime if isinstance(runtime, str) else runtime.get("name")
    if runtime != "python":
        raise DeploymentError(f"{path}: the local stack runs programs in Python, and this one's runtime is {runtime}")
    return str(name)


def _program(directory: Path) -> Callable[[], None]:
    def program() -> None:
        # As Python does for a script: the program imports the modules beside it.
        sys.path.insert(0, str(directory))
        runpy.run_path(str(directory / "__main__.py"), run_name="__main__")

    return program


@contextmanager
def _working_directory(directory: Path) -> Generator[None]:
    # The CLI runs a program in its project's directory, which its archives are relative to.
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


class _Record:
    """The resources of a project's last deployment: a file with a line of JSON for each step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(exist_ok=True)

    def begun(self, pulumi_type: str, name: str, inputs: Properties) -> None:
        """Write down a resource that is about to be created."""
        self._write({"type": pulumi_type, "name": name, "inputs": dict(inputs)})

    def made(self, resource: DeployedResource) -> None:
        """Write down a resource that was created."""
        properties = dict(resource.properties)
        self._write({"type": resource.type, "name": resource.name, "id": resource.id, "properties": properties})

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def delete_resources(self, clients: Clients) -> None:
        """Delete them, last first, and the file; what doesn't exist is passed over."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        steps = [step for line in lines if (step := _parsed(line)) is not None]
        made = {(step["type"], step["name"]): step for step in steps if "id" in step}
        for step in reversed([step for step in steps if "inputs" in step]):
            handler = handler_for(step["type"])
            done = made.get((step["type"], step["name"]))
            known_id = done["id"] if done else _id_of(clients, step["type"], step["inputs"])
            if known_id is not None:
                handler.delete(clients, known_id, done["properties"] if done else step["inputs"])
        self._path.unlink(missing_ok=True)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None  # Cut off as its process was killed, before the resource was created.


def _id_of(clients: Clients, pulumi_type: str, inputs: Properties) -> str | None:
    """Return the id that a resource has if it was created; None if it wasn't."""
    if pulumi_type == _QUEUE:
        return next(iter(clients.sqs.list_queues(QueueNamePrefix=inputs["name"]).get("QueueUrls", [])), None)
    if pulumi_type == _MAPPING:
        found = clients.lambda_.list_event_source_mappings(EventSourceArn=inputs["eventSourceArn"])
        return next((each.get("UUID") for each in found["EventSourceMappings"]), None)
    try:
        return str(fill(handler_for(pulumi_type).id, inputs))
    except KeyError:
        return None  # The service chooses the id, and would choose another: nothing is in the way.
