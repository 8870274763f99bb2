"""The plugin's process, started by the engine; it needs none of the engine's arguments."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from local.aws_clients import Clients
from local.engine.provider.created_resources import PATH_VARIABLE, CreatedResources
from local.engine.provider.emulator_provider import serve

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


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
