"""The plugin's process, started by the engine: `pulumi-resource-aws`, whose arguments it has no use for."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from local.deploy.resources import registry
from local.deploy.resources.clients import Clients
from local.engine.provider.emulator_provider import PATH_VARIABLE, CreatedResources, EmulatorProvider
from local.engine.provider.servicer import EmulatorServicer, serve

ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def main() -> None:
    """Serve the engine, unless it is about to take this stand-in for AWS."""
    endpoint_url = os.environ.get(ENDPOINT_VARIABLE, "")
    if urlsplit(endpoint_url).hostname not in LOOPBACK:
        sys.exit(
            f"pulumi-resource-aws: this is userstream's stand-in for the emulator, and {ENDPOINT_VARIABLE} is "
            f"{endpoint_url or 'not set'}. For AWS take local/engine/plugins off PATH; "
            "for the emulator use python -m local.engine (docs/engine.md)"
        )

    def connect(region: str) -> Clients:
        return Clients(endpoint_url, region, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])

    created = CreatedResources(Path(os.environ[PATH_VARIABLE]))
    with created.in_use():
        serve(EmulatorServicer(EmulatorProvider(registry.handler_for), connect, created.add))


if __name__ == "__main__":
    main()
