"""Cold start and peak memory: a fresh process from its start to its first answer, AWS stubbed at the wire."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.aws_stub import running_stub
from benchmarks.contestants import BARE, DUMPS, REGISTER, STREAM, Handler
from benchmarks.events import REGISTER_EVENT, stream_event
from benchmarks.paired import ProcessRun, in_turn, run_process

ROOT = Path(__file__).parent.parent


def function_environment(endpoint_url: str) -> dict[str, str]:
    """What Lambda would set, with AWS at the stub's address and nothing of the caller's own AWS settings."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "ENVIRONMENT": "benchmark",
        "USERS_TABLE": "Users-benchmark",
        "USER_KEYS_TABLE": "UserKeys-benchmark",
        "ACTIVITY_TABLE": "Activity-benchmark",
        "ACTIVITY_RETENTION_DAYS": "30",
        "MASK_PERSONAL_DATA": "false",
        "WRITE_ACTIVITY": "true",
        "DEAD_LETTER_QUEUE_URL": f"{endpoint_url}/000000000000/dead-letter",
        "FAILED_RECORDS_BUCKET": "failed-records-benchmark",
    }


def register(rounds: int) -> dict[str, list[ProcessRun]]:
    """Every way to register, each in a fresh process per round; Node too where it is installed."""
    return _rounds(REGISTER, REGISTER_EVENT, rounds, status="201")


def stream(rounds: int) -> dict[str, list[ProcessRun]]:
    """log_user_changes with one record, against a bare client's one call and Powertools' batch processor."""
    handlers = {name: handler for name, handler in STREAM.items() if name != DUMPS} | {BARE: REGISTER[BARE]}
    return _rounds(handlers, stream_event(1), rounds, status="-")


def _rounds(
    handlers: Mapping[str, Handler], event: dict[str, Any], rounds: int, *, status: str
) -> dict[str, list[ProcessRun]]:
    body = json.dumps(event).encode()
    with running_stub() as stub:
        environment = function_environment(stub.url)
        return in_turn(
            {
                name: partial(run_process, handler.first_answer(status), environment, standard_input=body)
                for name, handler in handlers.items()
            },
            rounds=rounds,
        )
