"""Deploy the Pulumi program into an emulator, from within this process.

The pipeline, with no Pulumi CLI, no account and no plugin:

1. `local.supervisor.local_config` reads Pulumi.local.yaml, and `deploy` gives it to Pulumi.
2. `deploy` runs `infra.program.deploy`. Pulumi's mocks stand for the engine: the SDK asks them for
   each resource as soon as the outputs that its inputs need are known: the order is Pulumi's.
3. `_EmulatorResources.new_resource` gets a type and inputs. `resources.registry.handler_for` finds
   the type's handler, which refuses by name what it doesn't support.
4. The handler (`resources.handler`) sends the inputs to the service: `resources.service_model`
   translates Pulumi's names by botocore's model of the service, `local.aws_clients` has the
   client. It reads the resource back and returns its id and properties.
5. `on_resource` gets each resource when it exists, to show how far the deployment is. The
   program's exports become `StackOutputs`.

The first failure ends the deployment: its message says which resource, why and what to do. The
provider plugin of the real engine (local/engine/provider.py) uses the same handlers to read, update
and delete as well.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime import Mocks, set_all_config, set_mocks
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs
from pulumi.runtime.settings import get_root_resource
from pulumi.runtime.stack import run_pulumi_func
from pydantic import ValidationError
from typing_extensions import override

from infra import naming
from infra.outputs import StackOutputs
from infra.program import deploy as program
from local.aws_clients import Clients
from local.deploy.handler import Properties
from local.deploy.registry import handler_for, invoke
from local.deploy.values import ResourceError, plain_values
from local.process import Pause
from local.state import STACK

_SIGNAL_CHECK_SECONDS = 0.25
_REFERENCE_TYPE = "pulumi:pulumi:StackReference"


class DeploymentError(Exception):
    """The program can't be deployed; the message says where and why."""


@dataclass(frozen=True, kw_only=True)
class DeployedResource:
    """A resource: its Pulumi type, name in the program, id in the account and properties."""

    type: str
    name: str
    id: str
    properties: Properties = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The stack's outputs, and its resources in the order in which they were created."""

    outputs: StackOutputs
    resources: tuple[DeployedResource, ...]


def deploy(
    clients: Clients, config: Mapping[str, str], on_resource: Callable[[DeployedResource], None], pause: Pause
) -> Deployment:
    """Run the program. A process can do so only once: Pulumi keeps the running stack in globals.

    `config` maps full keys to text. `on_resource` gets each resource when it exists, in the thread
    that created it. Raise DeploymentError if a setting is wrong, if the local stack doesn't support
    a resource or the emulator refuses it, or if outputs break their contract.
    """
    project = PulumiProject(naming.PROJECT, program, config)
    outputs, resources = run_project(clients, project, on_resource, pause)
    try:
        return Deployment(outputs=StackOutputs.model_validate(outputs), resources=resources)
    except ValidationError as error:
        raise DeploymentError(f"the stack's outputs break their contract (infra/outputs.py): {error}") from error


@dataclass(frozen=True)
class PulumiProject:
    """A program with its project's name, and its configuration: full keys to text.

    `references` has the outputs of other stacks by what a StackReference names:
    `organization/project/stack`.
    """

    name: str
    program: Callable[[], None]
    config: Mapping[str, str]
    references: Mapping[str, Properties] = field(default_factory=dict[str, Properties])


def run_project(
    clients: Clients,
    project: PulumiProject,
    on_resource: Callable[[DeployedResource], None],
    pause: Pause,
    on_begin: Callable[[str, str, Properties], None] = lambda _type, _name, _inputs: None,
) -> tuple[Properties, tuple[DeployedResource, ...]]:
    """Run a project's program; return what it exports and its resources, in order of creation.

    `on_begin` gets type, name and inputs of each resource before it is created. `on_resource` and
    the errors are those of `deploy`.
    """
    resources = _EmulatorResources(clients, project.references, on_begin, on_resource)
    # A failure is raised below; Pulumi's own log would repeat it.
    silent = logging.getLogger("userstream.deployment")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    set_all_config(dict(project.config))
    try:
        with asyncio.Runner() as runner:
            # First, because set_mocks schedules the stack on this loop.
            loop = runner.get_loop()
            loop.set_exception_handler(resources.report_unless_failed)
            _check_signals(loop, pause)
            set_mocks(resources, project=project.name, stack=STACK, preview=False, logger=silent)
            # Pulumi's settings are context variables, which the runner's older context lacks.
            context = copy_context()
            runner.run(run_pulumi_func(project.program), context=context)
            outputs = runner.run(_stack_outputs(), context=context)
    except pulumi.RunError as error:
        raise DeploymentError(str(error)) from error
    except Exception as error:
        # A resource's failure arrives wrapped by what waited for it.
        if resources.failure is not None:
            raise resources.failure from error
        raise
    return outputs, tuple(resources.made)


def _check_signals(loop: asyncio.AbstractEventLoop, pause: Pause) -> None:
    """End the loop soon after a signal asked for it.

    The signal's exception alone doesn't: Pulumi catches what interrupts the program, and waits for
    all resources first, also for those that are never created.
    """
    pause(0)
    loop.call_later(_SIGNAL_CHECK_SECONDS, _check_signals, loop, pause)


async def _stack_outputs() -> Any:
    root: Any = get_root_resource()
    # Without exports, `all` would return a list.
    return await pulumi.Output.all(**root.outputs).future() if root.outputs else {}


class _EmulatorResources(Mocks):
    """Answers the SDK's requests for resources by creating them."""

    def __init__(
        self,
        clients: Clients,
        references: Mapping[str, Properties],
        on_begin: Callable[[str, str, Properties], None],
        on_resource: Callable[[DeployedResource], None],
    ) -> None:
        self._clients = clients
        self._references = references
        self._on_begin = on_begin
        self._on_resource = on_resource
        self._lock = threading.Lock()
        self.made: list[DeployedResource] = []
        self.failure: DeploymentError | None = None

    @override
    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = plain_values(cast("Any", args).inputs)  # The SDK doesn't type the keys.
        if args.typ == _REFERENCE_TYPE:
            return args.resource_id, self._referenced(str(args.resource_id))
        if not args.custom:
            return None, inputs  # A component: its children are the resources.
        try:
            handler = handler_for(args.typ)
            if "name" in handler.required - inputs.keys():
                inputs["name"] = f"{args.name}-{STACK}"  # as Pulumi does, which adds random letters
            self._on_begin(args.typ, args.name, inputs)
            resource_id, properties = handler.create(self._clients, inputs)
        except (ResourceError, ClientError, BotoCoreError) as error:
            raise self._failed(f"{args.typ} '{args.name}': {error}") from error
        resource = DeployedResource(type=args.typ, name=args.name, id=resource_id, properties=properties)
        with self._lock:
            self.made.append(resource)
        self._on_resource(resource)
        return resource_id, dict(properties)

    @override
    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        try:
            return invoke(self._clients, args.token), []
        except (ResourceError, ClientError, BotoCoreError) as error:
            raise self._failed(f"{args.token}: {error}") from error

    def _referenced(self, stack: str) -> dict[str, Any]:
        if stack not in self._references:
            known = ", ".join(self._references) or "none"
            raise self._failed(f"StackReference '{stack}': this machine has no such stack. Those there are: {known}")
        return {"name": stack, "outputs": dict(self._references[stack])}

    def report_unless_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an exception that nothing awaits, unless a resource's failure explains it."""
        if self.failure is None:
            loop.default_exception_handler(context)

    def _failed(self, message: str) -> DeploymentError:
        with self._lock:
            # The first failure is the cause of the others.
            self.failure = self.failure or DeploymentError(message)
            return self.failure
