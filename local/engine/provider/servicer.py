"""Answer the engine's gRPC requests until it ends.

Source: Pulumi SDK, proto/pulumi/provider.proto.
"""

import os
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2
from pulumi.runtime import proto
from pulumi.runtime.proto import provider_pb2_grpc
from typing_extensions import override

from local.deploy.resources import invokes
from local.deploy.resources.clients import Clients
from local.deploy.resources.registry import handler_for
from local.deploy.resources.resource_errors import ResourceError
from local.engine.provider import emulator_provider
from local.engine.provider.wire_values import from_wire, to_wire

_PARALLEL_REQUESTS = 16
_PARENT_CHECK_SECONDS = 1.0
"""How soon the plugin ends after its engine was killed, which ends no plugin."""


@contextmanager
def _plain_errors(context: Any) -> Generator[None]:
    """Answer with the message of a service or handler that refuses; another exception is a bug."""
    try:
        yield
    except (ResourceError, ClientError, BotoCoreError) as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


class EmulatorServicer(provider_pb2_grpc.ResourceProviderServicer):
    """One method per request of the engine; gRPC answers any other with UNIMPLEMENTED."""

    def __init__(self, connect: Callable[[str], Clients], on_created: Callable[[str, str], None]) -> None:
        """Prepare to answer, with clients from `connect`.

        `on_created` gets the URN and id of each created resource, before the engine does.
        """
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
        # A change of the region would be a new provider on AWS; in the emulator nothing depends on
        # it.
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
            result = to_wire(invokes.call(self._clients, request.tok, from_wire(request.args)))
            getattr(response, "return").CopyFrom(result)  # `return` is a keyword in Python.
            return response

    @override
    def Check(self, request: Any, context: Any) -> Any:
        problems = emulator_provider.check(request.type, from_wire(request.news))
        failures = [proto.CheckFailure(property=problem.path, reason=problem.reason) for problem in problems]
        return proto.CheckResponse(inputs=request.news, failures=failures)

    @override
    def Diff(self, request: Any, context: Any) -> Any:
        found = emulator_provider.difference(request.type, from_wire(request.old_inputs), from_wire(request.news))
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
                return proto.CreateResponse(properties=to_wire(emulator_provider.preview_create(request.type, inputs)))
            resource_id, properties = handler_for(request.type).create(self._clients, inputs)
            self._on_created(request.urn, resource_id)
            return proto.CreateResponse(id=resource_id, properties=to_wire(properties))

    @override
    def Read(self, request: Any, context: Any) -> Any:
        with _plain_errors(context):
            state, inputs = from_wire(request.properties), from_wire(request.inputs)
            live = emulator_provider.read(self._clients, request.type, request.id, state, inputs)
            if live is None:
                return proto.ReadResponse()  # Without an id: it doesn't exist.
            return proto.ReadResponse(id=request.id, properties=to_wire(live.properties), inputs=to_wire(live.inputs))

    @override
    def Update(self, request: Any, context: Any) -> Any:
        with _plain_errors(context):
            old, new = from_wire(request.olds), from_wire(request.news)
            if request.preview:
                previewed = emulator_provider.preview_update(request.type, old, new)
                return proto.UpdateResponse(properties=to_wire(previewed))
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


def serve(servicer: EmulatorServicer) -> None:
    """Answer the engine until it ends; the first line on standard output tells it the port."""
    engine = os.getppid()
    # Leaving the block waits for requests in progress: nobody would find a resource that is half
    # created.
    with ThreadPoolExecutor(_PARALLEL_REQUESTS) as threads:
        server = grpc.server(threads)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        while os.getppid() == engine:
            time.sleep(_PARENT_CHECK_SECONDS)
        server.stop(grace=None)
