"""`python -m local.event_source_mappings`: deliver the local stack's mappings until SIGTERM."""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from functions.runtime.json_log import log as write_line
from functions.runtime.json_log import utc_timestamp
from local.aws_clients import Clients
from local.emulator import DEFAULT_REGION
from local.event_source_mappings.service import MappingsService
from local.process import remove_user_settings
from local.state import LocalStackError, clients_of, read_local_stack, state_directory

GRACE_SECONDS = 2.0
"""For invocations in flight at the end. The supervisor waits a little longer."""

_writing = threading.Lock()


def main() -> int:
    """Deliver; return the exit code."""
    options = _options()
    directory = state_directory(options.state_dir)
    try:
        clients = _clients(options, directory)
    except LocalStackError as error:
        _log("ERROR", "NO DELIVERY:", reason=str(error))
        return 1
    service = MappingsService(clients, directory, _log, options.mapping_uuid)

    def end(_signal_number: int, _frame: FrameType | None) -> None:
        service.end()

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, end)
    service.run(GRACE_SECONDS)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.event_source_mappings", description=__doc__)
    parser.add_argument("--state-dir", type=Path, help="of the local stack; checkpoints are kept below it")
    elsewhere = parser.add_argument_group(
        "another emulator's mappings, instead of the local stack's, "
        "with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )
    elsewhere.add_argument("--endpoint-url", help="for example http://127.0.0.1:4566")
    elsewhere.add_argument("--region", default=DEFAULT_REGION)
    parser.add_argument("--mapping-uuid", action="append", default=[], help="of a mapping; without it, all of them")
    return parser.parse_args()


def _clients(options: argparse.Namespace, directory: Path) -> Clients:
    """Return clients of the mappings' account."""
    keys = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    remove_user_settings()
    if options.endpoint_url:
        return Clients(options.endpoint_url, options.region, *keys)
    return clients_of(read_local_stack(directory))


def _log(level: str, message: str, **fields: object) -> None:
    with _writing:  # each mapping has a thread of its own
        write_line(level, message, time=utc_timestamp(time.time()), **fields)
        sys.stdout.flush()  # for those who follow the log


if __name__ == "__main__":
    sys.exit(main())
