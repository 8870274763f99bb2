"""Records what the real program registers: every resource of a stack with its inputs and options.

The program ends before the tests read the record, so no assertion is lost in an `apply` that never
ran.

    stack = record("dev")
    stack.only("aws:dynamodb/table:Table", "users").inputs["deletionProtectionEnabled"]
"""

import asyncio
import contextvars
import functools
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from google.protobuf import empty_pb2
from pulumi.output import Unknown
from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.stack import run_in_stack
from typing_extensions import override

from infra import naming
from infra.environment import EMULATOR_ACCOUNT_ID
from infra.program import deploy
from tests.support.stack.own_settings import own_config
from tests.support.stack.provider_answers import ACCOUNT_ID, computed_properties

UNKNOWN = "<unknown>"
"""In recorded inputs, a value that a preview does not know yet."""


@dataclass(frozen=True, kw_only=True)
class RecordedResource:
    """One resource as the program registered it.

    Attributes:
        urn: Pulumi's URN, with the types of its parents.
        type: Type token, for example `aws:sqs/queue:Queue`.
        name: Name in the program.
        parent: URN of its parent.
        inputs: Value by camelCase name.
        options: Its resource options.
        outputs: What a component registered; None if it registered nothing.
    """

    urn: str
    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    options: "RecordedOptions"
    outputs: dict[str, Any] | None

    @property
    def is_component(self) -> bool:
        """Whether it is a component of the project, not a provider's resource."""
        return not self.type.startswith(("aws:", "pulumi:"))

    def json(self, name: str) -> Any:
        """Return the parsed value of an input that holds JSON."""
        return json.loads(self.inputs[name])


@dataclass(frozen=True, kw_only=True)
class RecordedOptions:
    """The resource options that tests read."""

    protect: bool
    delete_before_replace: bool
    ignore_changes: frozenset[str]
    retain_on_delete: bool
    depends_on: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class RecordedStack:
    """Every resource of a stack, its configuration and its outputs."""

    name: str
    config: Mapping[str, str]
    resources: list[RecordedResource]
    outputs: dict[str, Any]

    def of_type(self, type_token: str) -> list[RecordedResource]:
        """Return the resources of a type."""
        return [resource for resource in self.resources if resource.type == type_token]

    def only(self, type_token: str, name: str) -> RecordedResource:
        """Return the only resource of a type with a name."""
        (resource,) = (resource for resource in self.of_type(type_token) if resource.name == name)
        return resource

    def children(self, urn: str) -> list[RecordedResource]:
        """Return the direct children of a resource."""
        return [resource for resource in self.resources if resource.parent == urn]

    def statements(self, function: str) -> list[dict[str, Any]]:
        """Return the statements of a function's role, by the function's name in the program."""
        return self.only("aws:iam/rolePolicy:RolePolicy", f"{function}-policy").json("policy")["Statement"]


@dataclass(frozen=True)
class Project:
    """A Pulumi project: its name, and outputs of other stacks by what a StackReference names."""

    name: str
    references: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


OURS = Project(naming.PROJECT)


NEUTRAL_ANSWERS = {
    "userstream:registrationAnswers": "neutral",
    "userstream:mailSender": "users@mail.example.com",
}
"""The settings of a stack that answers neutrally, beside a page of some kind."""


@functools.cache
def record_neutral(stack: str) -> RecordedStack:
    """Record a stack as `record` does, with neutral answers and a page."""
    config = own_config(stack) | NEUTRAL_ANSWERS | {"userstream:websiteEnabled": "true"}
    return record(stack, config=config)


def record(
    stack: str,
    *,
    config: Mapping[str, str] | None = None,
    preview: bool = False,
    program: Callable[[], None] = deploy,
    project: Project = OURS,
) -> RecordedStack:
    """Run the program and record what it registers.

    Args:
        stack: Name of the stack.
        config: Text by full key; None reads `Pulumi.<stack>.yaml`.
        preview: Preview a stack that does not exist yet, so that all values from AWS are unknown.
        program: The program to run.
        project: The program's project.

    Returns:
        The record, after everything has run.

    Raises:
        pulumi.RunError: The program refused its settings.
    """
    if config is None and program is deploy:
        return _record_file(stack, preview)
    return _record(stack, config or {}, program, project, preview=preview)


@functools.cache
def _record_file(stack: str, preview: bool) -> RecordedStack:  # noqa: FBT001  a cache's key
    return _record(stack, own_config(stack), deploy, OURS, preview=preview)


def _record(
    stack: str, config: Mapping[str, str], program: Callable[[], None], project: Project, *, preview: bool
) -> RecordedStack:
    monitor = _RecordingMonitor(project, config, preview=preview)
    contextvars.copy_context().run(_run, monitor, stack, config, program)
    return monitor.recorded(stack, config)


def refusal(stack: str, config: Mapping[str, str]) -> str:
    """Return the message with which the program refuses to begin.

    Args:
        stack: Name of the stack.
        config: Text by full key.

    Returns:
        The words that Pulumi shows.

    Raises:
        AssertionError: it did not refuse, or not before its first resource.
    """
    monitor = _RecordingMonitor(OURS, config, preview=True)
    try:
        contextvars.copy_context().run(_run, monitor, stack, config, deploy)
    except pulumi.RunError as error:
        resources = monitor.recorded(stack, config).resources
        if resources:
            raise AssertionError(f"refused after {len(resources)} resources") from error
        return str(error)
    raise AssertionError("the program was not refused")


def _run(monitor: "_RecordingMonitor", stack: str, config: Mapping[str, str], program: Callable[[], None]) -> None:
    workers = _Workers()
    # The loop comes before the mocks, because the other order hangs forever.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=8, initializer=workers.enter)
    loop.set_default_executor(executor)
    try:
        set_all_config(dict(config), secret_keys=[])
        # run_in_stack creates the stack's own resource, as the CLI does. Without this placeholder,
        # the mocks would create a second one.
        set_root_resource(cast("pulumi.Resource", object()))
        pulumi.runtime.set_mocks(
            monitor.mocks, project=monitor.project.name, stack=stack, preview=monitor.preview, monitor=monitor
        )
        set_root_resource(cast("pulumi.Resource", None))
        loop.run_until_complete(run_in_stack(program))
    finally:
        executor.shutdown()
        workers.close()
        asyncio.set_event_loop(None)
        loop.close()


@dataclass
class _Workers:
    """The worker threads' event loops; Pulumi would create its own and leave them open."""

    loops: list[asyncio.AbstractEventLoop] = field(default_factory=list[asyncio.AbstractEventLoop])

    def enter(self) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self.loops.append(loop)

    def close(self) -> None:
        for loop in self.loops:
            loop.close()


class _Answers(mocks.Mocks):
    """Answers as the provider would: the inputs, and in an update the values that AWS computes."""

    def __init__(self, project: Project, config: Mapping[str, str], *, preview: bool) -> None:
        self._project = project
        self._preview = preview
        # Zips for this machine are built faster than Lambda's; only the emulator takes them.
        here = config.get("userstream:functionPlatform") == "host"
        self._account_id = EMULATOR_ACCOUNT_ID if here else ACCOUNT_ID

    @override
    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        if args.token == "aws:index/getCallerIdentity:getCallerIdentity":
            arn = f"arn:aws:iam::{self._account_id}:user/tester"
            return {"accountId": self._account_id, "arn": arn, "id": self._account_id, "userId": "AIDATESTER"}, []
        raise NotImplementedError(f"no answer for {args.token}: add one in {__name__}")

    @override
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = cast("dict[str, Any]", args.inputs)
        if args.typ == "pulumi:pulumi:StackReference":
            stack = str(args.resource_id)
            return stack, {"name": stack, "outputs": dict(self._project.references[stack])}
        if self._preview:
            return None, inputs
        # Pulumi's own names, for a program that gives none.
        state = {"name": f"{args.name}-1a2b3c4", **inputs}
        return f"{args.name}-id", {**state, **computed_properties(args.typ, args.name, state)}


class _RecordingMonitor(mocks.MockMonitor):
    """A monitor that keeps each request with its options, and the registered outputs."""

    def __init__(self, project: Project, config: Mapping[str, str], *, preview: bool) -> None:
        super().__init__(_Answers(project, config, preview=preview))
        self.project = project
        self.preview = preview
        self._lock = threading.Lock()
        self._requests: dict[str, resource_pb2.RegisterResourceRequest] = {}
        self._outputs: dict[str, dict[str, Any]] = {}

    @override
    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        response = super().RegisterResource(request)  # pyright: ignore[reportUnknownMemberType]  Pulumi has no types here
        with self._lock:
            if response.urn in self._requests:
                raise AssertionError(f"two resources have the URN {response.urn}")
            self._requests[response.urn] = request
        return response

    @override
    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> empty_pb2.Empty:
        with self._lock:
            self._outputs[request.urn] = _plain(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
        return empty_pb2.Empty()

    def recorded(self, stack: str, config: Mapping[str, str]) -> RecordedStack:
        """Return everything recorded so far except the stack's own resource."""
        (root,) = (urn for urn, request in self._requests.items() if request.type == "pulumi:pulumi:Stack")
        resources = [
            RecordedResource(
                urn=urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                inputs=_plain(rpc.deserialize_properties(request.object, keep_unknowns=True)),
                options=RecordedOptions(
                    protect=request.protect,
                    delete_before_replace=request.deleteBeforeReplace,
                    ignore_changes=frozenset(request.ignoreChanges),
                    retain_on_delete=request.retainOnDelete,
                    depends_on=frozenset(request.dependencies),
                ),
                outputs=self._outputs.get(urn),
            )
            for urn, request in sorted(self._requests.items())
            if urn != root
        ]
        return RecordedStack(name=stack, config=config, resources=resources, outputs=self._outputs[root])


def _plain(value: Any) -> Any:
    """Return a value with whole floats as int, secrets unwrapped, and unknowns as `UNKNOWN`."""
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if isinstance(value, Unknown) else value
