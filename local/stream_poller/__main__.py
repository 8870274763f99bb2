"""`python -m local.stream_poller`: deliver the local stack's stream until SIGTERM or SIGINT."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from delivery.settings import UnsupportedMappingError
from functions.runtime.json_log import log as write_line
from functions.runtime.json_log import utc_timestamp
from local.aws_clients import Clients
from local.emulator import ACCESS_KEY_ID, DEFAULT_REGION, SECRET_ACCESS_KEY
from local.process import remove_user_settings
from local.state import LocalStackError, clients_of, read_local_stack, state_directory
from local.stream_poller.service import AlreadyDeliveredError, MappingService

GRACE_SECONDS = 2.0
"""For invocations in flight at the end. The supervisor waits a little longer."""


def main() -> int:
    """Deliver; return the exit code."""
    options = _options()
    directory = state_directory(options.state_dir)
    try:
        clients, uuid = _target(options, directory)
        service = MappingService(clients, uuid, directory / "checkpoints", _log)

        def end(_signal_number: int, _frame: FrameType | None) -> None:
            service.end()

        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, end)
        service.run(GRACE_SECONDS)
    except (LocalStackError, AlreadyDeliveredError, UnsupportedMappingError) as error:
        _log("ERROR", "NO DELIVERY:", reason=str(error))
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.stream_poller", description=__doc__)
    parser.add_argument("--state-dir", type=Path, help="of the local stack; checkpoints are kept below it")
    elsewhere = parser.add_argument_group("another emulator's mapping, instead of the local stack's")
    elsewhere.add_argument("--endpoint-url", help="for example http://127.0.0.1:4566")
    elsewhere.add_argument("--mapping-uuid")
    elsewhere.add_argument("--region", default=DEFAULT_REGION)
    options = parser.parse_args()
    if bool(options.endpoint_url) != bool(options.mapping_uuid):
        parser.error("--endpoint-url and --mapping-uuid belong together")
    return options


def _target(options: argparse.Namespace, directory: Path) -> tuple[Clients, str]:
    """Return clients of the mapping's account, and the mapping's UUID."""
    remove_user_settings()
    if options.endpoint_url:
        return Clients(options.endpoint_url, options.region, ACCESS_KEY_ID, SECRET_ACCESS_KEY), options.mapping_uuid
    stack = read_local_stack(directory)
    return clients_of(stack), stack.mapping_uuid


def _log(level: str, message: str, **fields: object) -> None:
    write_line(level, message, time=utc_timestamp(time.time()), **fields)
    sys.stdout.flush()  # for those who follow the log


if __name__ == "__main__":
    sys.exit(main())
