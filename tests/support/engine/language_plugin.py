"""The program behind the CLI's Python plugin: `pulumi up` runs it as on a user's machine."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from infra.program import deploy


def main() -> None:
    """Serve until the engine ends this process; the engine reads the port from standard output."""
    server = grpc.server(ThreadPoolExecutor())
    cast("Any", language_pb2_grpc).add_LanguageRuntimeServicer_to_server(LanguageServer(deploy), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)  # noqa: T201  the plugin's protocol
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
