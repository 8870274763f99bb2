"""Cold start: a fresh process from its start to its first answer, AWS stubbed at the wire."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.aws_stub import AwsStub, running_stub
from benchmarks.harness.contestants import BARE, DUMPS, POWERTOOLS, REGISTER, STREAM, Handler
from benchmarks.harness.events import REGISTER_EVENT, stream_event
from benchmarks.harness.paired import ProcessRun, in_turn, run_process
from benchmarks.harness.same_work import OtherWorkError

ROOT = Path(__file__).parents[2]

CREATED: Mapping[str, object] = {"statusCode": 201}
NOTHING_FAILED: Mapping[str, object] = {"batchItemFailures": []}


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
    starts = {name: Start(handler, "TransactWriteItems", CREATED) for name, handler in REGISTER.items()}
    return _rounds(starts, REGISTER_EVENT, rounds)


def stream(rounds: int) -> dict[str, list[ProcessRun]]:
    """log_user_changes with one record, against a bare client's one call and Powertools' batch processor."""
    starts = {
        name: Start(handler, "PutItem" if name == POWERTOOLS else "BatchWriteItem", NOTHING_FAILED)
        for name, handler in STREAM.items()
        if name != DUMPS
    }
    return _rounds(starts | {BARE: Start(REGISTER[BARE], "TransactWriteItems", CREATED)}, stream_event(1), rounds)


class Start(NamedTuple):
    """A handler's first answer: the one call that it makes for it, and what the answer must have."""

    handler: Handler
    call: str
    expected: Mapping[str, object]


def run_start(start: Start, stub: AwsStub, standard_input: bytes) -> ProcessRun:
    """Run a start once.

    Raises:
        OtherWorkError: It made another call than its one, or more: one that is tried again would be timed as well.
        RuntimeError: The answer is another one.
    """
    stub.calls.clear()
    environment = function_environment(stub.url)
    run = run_process(start.handler.first_answer(start.expected), environment, standard_input=standard_input)
    if stub.calls != {start.call: 1}:
        raise OtherWorkError(f"{start.handler.module} made {dict(stub.calls)} instead of one {start.call}")
    return run


def _rounds(starts: Mapping[str, Start], event: dict[str, Any], rounds: int) -> dict[str, list[ProcessRun]]:
    body = json.dumps(event).encode()
    with running_stub() as stub:
        return in_turn({name: partial(run_start, start, stub, body) for name, start in starts.items()}, rounds=rounds)
