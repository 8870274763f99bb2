"""Deploy the Pulumi program into an emulator from within this process: no CLI, no account, no language host.

Pulumi's mocks stand for the engine: it asks them for each resource, and they make it
(local/deploy/resources/). Order and dependencies are Pulumi's own, since each resource waits for
the outputs it is made from.
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
from local.config import STACK
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties
from local.deploy.resources.invokes import call
from local.deploy.resources.registry import handler_for
from local.deploy.resources.resource_errors import ResourceError
from local.deploy.resources.values import plain_values
from local.process import Pause

_LOOK_SECONDS = 0.25
_MAPPING_TYPE = "aws:lambda/eventSourceMapping:EventSourceMapping"


class DeploymentError(Exception):
    """The program can't be deployed; the message says where and why."""


@dataclass(frozen=True, kw_only=True)
class DeployedResource:
    """A resource the program made.

    Attributes:
        type: Pulumi type, for example `aws:sqs/queue:Queue`.
        name: logical name in the program.
        id: in the account.
        properties: its inputs and outputs.
    """

    type: str
    name: str
    id: str
    properties: Properties = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What the program made.

    Attributes:
        outputs: of the stack.
        resources: in the order they were made.
    """

    outputs: StackOutputs
    resources: tuple[DeployedResource, ...]

    def stream_mapping_id(self) -> str:
        """UUID of the event source mapping from the Users table's stream.

        Raises:
            DeploymentError: the program has none.
        """
        for resource in self.resources:
            is_stream = resource.properties.get("eventSourceArn") == self.outputs.users_stream_arn
            if resource.type == _MAPPING_TYPE and is_stream:
                return resource.id
        raise DeploymentError("the program has no event source mapping from the Users table's stream to a function")


def deploy(
    clients: Clients, config: Mapping[str, str], on_resource: Callable[[DeployedResource], None], pause: Pause
) -> Deployment:
    """Run the program once. A process can do so once only: Pulumi keeps the running stack in globals.

    Args:
        clients: of the emulator.
        config: full keys to text.
        on_resource: told of each resource as soon as it is there, from whichever thread made it.
        pause: of local/process.py.

    Raises:
        DeploymentError: wrong settings, a resource the local stack doesn't know or the emulator refuses, outputs that
            break their contract.
    """
    resources = _EmulatorResources(clients, on_resource)
    # A failure is raised below; Pulumi's own log would tell it twice.
    silent = logging.getLogger("userstream.deployment")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    set_all_config(dict(config))
    try:
        with asyncio.Runner() as runner:
            # The loop first: set_mocks already schedules the stack on it, and with another loop nothing would finish.
            loop = runner.get_loop()
            loop.set_exception_handler(resources.tell_unless_failed)
            _look_for_end(loop, pause)
            set_mocks(resources, project=naming.PROJECT, stack=STACK, preview=False, logger=silent)
            # Pulumi keeps its settings in context variables, and the runner's own context is older than they are.
            context = copy_context()
            runner.run(run_pulumi_func(program), context=context)
            outputs = runner.run(_stack_outputs(), context=context)
    except pulumi.RunError as error:
        raise DeploymentError(str(error)) from error
    except Exception as error:
        # What went wrong in a resource comes wrapped by whatever waited for it.
        if resources.failure is not None:
            raise resources.failure from error
        raise
    try:
        return Deployment(outputs=StackOutputs.model_validate(outputs), resources=tuple(resources.made))
    except ValidationError as error:
        raise DeploymentError(f"the stack's outputs break their contract (infra/outputs.py): {error}") from error


def _look_for_end(loop: asyncio.AbstractEventLoop, pause: Pause) -> None:
    """End the loop soon after a signal asked for it.

    The signal's own exception may not: Pulumi keeps what breaks the program off, and first waits for all resources,
    also for those that now nobody makes.
    """
    pause(0)
    loop.call_later(_LOOK_SECONDS, _look_for_end, loop, pause)


async def _stack_outputs() -> Any:
    root: Any = get_root_resource()
    return await pulumi.Output.all(**root.outputs).future()


class _EmulatorResources(Mocks):
    """Answers Pulumi's requests for resources by making them."""

    def __init__(self, clients: Clients, on_resource: Callable[[DeployedResource], None]) -> None:
        self._clients = clients
        self._on_resource = on_resource
        self._lock = threading.Lock()
        self.made: list[DeployedResource] = []
        self.failure: DeploymentError | None = None

    @override
    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = plain_values(cast("Any", args).inputs)  # Pulumi's types leave a dictionary's keys open.
        if not args.custom:
            return None, inputs  # A component: its children are the resources.
        try:
            resource_id, properties = handler_for(args.typ).create(self._clients, inputs)
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
            return dict(call(self._clients, args.token, plain_values(cast("Any", args).args))), []
        except (ResourceError, ClientError, BotoCoreError) as error:
            raise self._failed(f"{args.token}: {error}") from error

    def tell_unless_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle what the loop couldn't hand to anybody: after a failure, whatever waited for that resource too."""
        if self.failure is None:
            loop.default_exception_handler(context)

    def _failed(self, message: str) -> DeploymentError:
        with self._lock:
            # The first is the cause; what else fails then, fails for it.
            self.failure = self.failure or DeploymentError(message)
            return self.failure
