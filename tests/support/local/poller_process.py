"""The poller as `python -m` starts it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from functions.runtime.json_log import JsonObject
from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from local.event_source_mappings.status import MappingStatus, read_mappings


class PollerProcess:
    """A poller of an emulator's account, or of some of its mappings."""

    def __init__(self, clients: Clients, directory: Path, *mapping_uuids: str) -> None:
        self._directory = directory
        self._log = directory / "poller.log"
        command = [
            *(sys.executable, "-m", "local.event_source_mappings"),
            *("--state-dir", str(directory)),
            *("--endpoint-url", clients.endpoint_url),
            *("--region", clients.region),
            *(argument for uuid in mapping_uuids for argument in ("--mapping-uuid", uuid)),
        ]
        keys = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), clients.keys, strict=True))
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env={"PATH": os.environ["PATH"], **keys}, stdout=log, stderr=log
            )

    def lines(self) -> list[JsonObject]:
        """Return what it and earlier pollers in the same directory logged."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def logged(self) -> list[str]:
        """Return the messages of those lines."""
        return [line["message"] for line in self.lines()]

    def mappings(self) -> dict[str, MappingStatus]:
        """Return what it says of each mapping, by UUID."""
        return {status.uuid: status for status in read_mappings(self._directory)}


@contextmanager
def polling(clients: Clients, directory: Path, *mapping_uuids: str) -> Generator[PollerProcess]:
    """Run the poller for the time of the block."""
    poller = PollerProcess(clients, directory, *mapping_uuids)
    try:
        yield poller
    finally:
        poller.process.terminate()
        assert poller.process.wait(timeout=20) in {0, -signal.SIGKILL}, poller.lines()
