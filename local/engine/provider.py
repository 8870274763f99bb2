"""`pulumi-resource-aws` for the emulator, which the engine starts in the place of AWS's own plugin.

It answers the engine's gRPC requests: it compares and previews, and local/deploy creates,
reads, updates and deletes. It needs none of the engine's arguments.

Source of the protocol: Pulumi SDK, proto/pulumi/provider.proto.
"""

import os
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2
from pulumi.runtime import proto
from pulumi.runtime.proto import provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN
from typing_extensions import override

from guardrails.aws_types import InputProblem, UnknownResourceTypeError, input_problems, property_names
from local.aws_clients import Clients
from local.deploy import registry
from local.deploy.handler import Properties, ResourceHandler
from local.deploy.registry import handler_for
from local.deploy.values import ResourceError
from local.engine.recovery import PATH_VARIABLE, CreatedResources
from local.engine.wire_values import from_wire, same_value, to_wire

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PARALLEL_REQUESTS = 16
_PARENT_CHECK_SECONDS = 1.0
"""How soon the plugin ends after its engine was killed, which ends no plugin."""


def serve(connect: Callable[[str], Clients], on_created: Callable[[str, str], None]) -> None:
    """Answer the engine until it ends; the first line on standard output tells it the port.

    `connect` returns clients for a region. `on_created` gets the URN and id of each created
    resource, before the engine does.
    """
    engine = os.getppid()
    # Leaving the block waits for requests in progress: nobody would find a half-created resource.
    with ThreadPoolExecutor(_PARALLEL_REQUESTS) as threads:
        server = grpc.server(threads)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(connect, on_created), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        while os.getppid() == engine:
            time.sleep(_PARENT_CHECK_SECONDS)
        server.stop(grace=None)


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One method per request of the engine; gRPC answers any other with UNIMPLEMENTED."""

    def __init__(self, connect: Callable[[str], Clients], on_created: Callable[[str, str], None]) -> None:
        self._connect = connect
        self._on_created = on_created

    @override
    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        # The SDK asks for the plugin of its own version.
        return proto.PluginInfo(version=version("pulumi_aws"))

    @override
    def CheckConfig(self, request: Any, context: Any) -> Any:
        return proto.CheckResponse(inputs=request.news)

    @override
    def DiffConfig(self, request: Any, context: Any) -> Any:
        # A change of the region would be a new provider on AWS; the emulator has only one account.
        return proto.DiffResponse(changes=proto.DiffResponse.DIFF_NONE)

    @override
    def Configure(self, request: Any, context: Any) -> Any:
        self._clients = self._connect(from_wire(request.args)["region"])
        # Without acceptSecrets the engine itself keeps an output secret if its input was.
        return proto.ConfigureResponse(supportsPreview=True)

    @override
    def Invoke(self, request: Any, context: Any) -> Any:
        with _plain_errors(context):
            response = proto.InvokeResponse()
            result = to_wire(registry.invoke(self._clients, request.tok))
            getattr(response, "return").CopyFrom(result)  # `return` is a keyword in Python.
            return response

    @override
    def Check(self, request: Any, context: Any) -> Any:
        problems = check(request.type, from_wire(request.news))
        failures = [proto.CheckFailure(property=problem.path, reason=problem.reason) for problem in problems]
        return proto.CheckResponse(inputs=request.news, failures=failures)

    @override
    def Diff(self, request: Any, context: Any) -> Any:
        found = difference(request.type, from_wire(request.old_inputs), from_wire(request.news))
        some, none = proto.DiffResponse.DIFF_SOME, proto.DiffResponse.DIFF_NONE
        return proto.DiffResponse(
            changes=some if found.changed else none,
            diffs=found.changed,
            replaces=found.replacing,
            # Every name is given, and two resources can't have the same name.
            deleteBeforeReplace=bool(found.replacing),
        )

    @override
    def Create(self, request: Any, context: Any) -> Any:
        with _plain_errors(context):
            inputs = from_wire(request.properties)
            if request.preview:
                return proto.CreateResponse(properties=to_wire(preview_create(request.type, inputs)))
            resource_id, properties = handler_for(request.type).create(self._clients, inputs)
            self._on_created(request.urn, resource_id)
            return proto.CreateResponse(id=resource_id, properties=to_wire(properties))

    @override
    def Read(self, request: Any, context: Any) -> Any:
        with _plain_errors(context):
            state, inputs = from_wire(request.properties), from_wire(request.inputs)
            live = read(self._clients, request.type, request.id, state, inputs)
            if live is None:
                return proto.ReadResponse()  # Without an id: it doesn't exist.
            return proto.ReadResponse(id=live.id, properties=to_wire(live.properties), inputs=to_wire(live.inputs))

    @override
    def Update(self, request: Any, context: Any) -> Any:
        with _plain_errors(context):
            old, new = from_wire(request.olds), from_wire(request.news)
            if request.preview:
                return proto.UpdateResponse(properties=to_wire(preview_update(request.type, old, new)))
            properties = handler_for(request.type).update(self._clients, request.id, old, new)
            return proto.UpdateResponse(properties=to_wire(properties))

    @override
    def Delete(self, request: Any, context: Any) -> Any:
        with _plain_errors(context):
            handler_for(request.type).delete(self._clients, request.id, from_wire(request.properties))
            return empty_pb2.Empty()

    @override
    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


@contextmanager
def _plain_errors(context: Any) -> Generator[None]:
    """Answer with the message of a service or handler that refuses; another exception is a bug."""
    try:
        yield
    except (ResourceError, ClientError, BotoCoreError) as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


class Difference(NamedTuple):
    """The inputs that differ, and those whose change replaces the resource."""

    changed: list[str]
    replacing: list[str]


class LiveResource(NamedTuple):
    """A resource as it is now, with its id, and the inputs that a program would need to get it."""

    id: str
    properties: Properties
    inputs: Properties


def check(token: str, inputs: Properties) -> list[InputProblem]:
    """Check inputs by the AWS provider's types, then by what the resource handler supports."""
    try:
        handler = handler_for(token)
        problems = input_problems(token, inputs)
        if not problems:
            handler.check(inputs)
    except (ResourceError, UnknownResourceTypeError) as error:
        return [InputProblem(path="", reason=str(error))]
    return problems


def difference(token: str, old_inputs: Properties, new_inputs: Properties) -> Difference:
    """Compare the last inputs with the new ones.

    Not with the old outputs, in which a service's default looks like a change. Drift shows
    nonetheless, because `refresh` makes the service's values the old inputs. So does an import, of
    a service's defaults too: one of them is the same as an input that isn't set.
    """
    handler = handler_for(token)
    changed = [
        name
        for name in sorted(old_inputs.keys() | new_inputs.keys())
        if not _same_input(handler, name, old_inputs.get(name), new_inputs.get(name))
    ]
    # An import can't read these, so nobody knows whether the program has another value.
    untold = handler.write_only - old_inputs.keys()
    return Difference(changed, [name for name in changed if name in handler.replace_on - untold])


def _same_input(handler: ResourceHandler, name: str, old: Any, new: Any) -> bool:
    """Return whether two values of an input are the same; an import reads those that nobody set."""
    if new is None and name in handler.in_id:
        return True
    return same_value(old, new) or (handler.is_unset(name, old) and handler.is_unset(name, new))


def preview_create(token: str, inputs: Properties) -> Properties:
    """Return the inputs; every other property is unknown before the resource is created."""
    computed = {
        name: {**inputs[name], **dict.fromkeys(within, UNKNOWN)}
        for name, within in handler_for(token).computed_within.items()
        if name in inputs
    }
    return {**dict.fromkeys(property_names(token) - inputs.keys(), UNKNOWN), **inputs, **computed}


def preview_update(token: str, old: Properties, new: Properties) -> Properties:
    """Return the properties after an update; outputs that AWS computes again are unknown."""
    recomputed = handler_for(token).recomputed
    # For an input that isn't set, the service returns false.
    changed = [name for name in recomputed if not same_value(old.get(name) or None, new.get(name) or None)]
    unknown = {output for name in changed for output in recomputed[name]}
    return {**old, **new, **dict.fromkeys(unknown, UNKNOWN)}


def read(clients: Clients, token: str, resource_id: str, state: Properties, inputs: Properties) -> LiveResource | None:
    """Return a resource as it is now, or None if it doesn't exist.

    `state` and `inputs` are its last known properties and inputs; both are empty during an import,
    whose id may be another one (`ResourceHandler.import_id`).
    """
    handler = handler_for(token)
    known: Properties = {**inputs, **state}
    if not known:
        resource_id, known = handler.find_by_import(resource_id)
    live = handler.read(clients, resource_id, known)
    if live is None:
        return None
    names = _input_names(handler, live, state, inputs)
    return LiveResource(resource_id, live, {name: handler.input_of(name, live) for name in names})


def _input_names(handler: ResourceHandler, live: Properties, state: Properties, inputs: Properties) -> set[str]:
    """Return which properties count as inputs: also one that no program set and somebody changed.

    Until then its value was the service's choice; now an update has to set it back.
    """
    returned = set(handler.supported & live.keys())
    if not inputs:
        # What the service computes unless a program sets it, such as a hash.
        return returned - (handler.outputs.keys() - handler.required)
    changed = {name for name in returned - handler.co_owned if not same_value(state.get(name), live[name])}
    return (inputs.keys() & live.keys()) | changed


def main() -> None:
    """Serve the engine, unless the endpoint isn't on this machine."""
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL", "")
    if urlsplit(endpoint_url).hostname not in _LOOPBACK:
        sys.exit(
            "pulumi-resource-aws: this is userstream's stand-in for the emulator, and AWS_ENDPOINT_URL is "
            f"{endpoint_url or 'not set'}. For AWS take local/engine/plugins off PATH; "
            "for the emulator use python -m local.engine (docs/engine.md)"
        )

    def connect(region: str) -> Clients:
        return Clients(endpoint_url, region, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])

    created = CreatedResources(Path(os.environ[PATH_VARIABLE]))
    with created.in_use():
        serve(connect, created.add)


if __name__ == "__main__":
    main()
