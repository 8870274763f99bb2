"""Cold start and peak memory: a fresh process from its start to its first answer, AWS stubbed at the wire."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.aws_stub import running_stub
from benchmarks.events import REGISTER_EVENT, stream_event
from benchmarks.paired import ProcessRun, in_turn, run_process

ROOT = Path(__file__).parent.parent

REGISTER_CONTESTANTS = {
    "register_user": "functions.register_user.handler",
    "bare boto3 client": "benchmarks.peers.bare_client",
    "plain handler": "benchmarks.peers.plain",
    "Powertools": "benchmarks.peers.powertools_http",
    "FastAPI + Mangum": "benchmarks.peers.fastapi_mangum",
    "Chalice": "benchmarks.peers.chalice_app",
}
STREAM_CONTESTANTS = {
    "log_user_changes": "functions.log_user_changes.handler",
    "bare boto3 client": "benchmarks.peers.bare_client",
    "Powertools batch": "benchmarks.peers.powertools_stream",
}


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
    event = json.dumps(REGISTER_EVENT).encode()
    with running_stub() as stub:
        environment = function_environment(stub.url)
        contestants = _python_contestants(REGISTER_CONTESTANTS, environment, event, expected="201")
        node = shutil.which("node")
        if node:
            script = str(ROOT / "benchmarks/peers/plain_node.mjs")
            contestants["plain Node"] = partial(run_process, [node, script], environment, standard_input=event)
        return in_turn(contestants, rounds=rounds)


def stream(rounds: int) -> dict[str, list[ProcessRun]]:
    """log_user_changes with one record, against a bare client's one call and Powertools' batch processor."""
    with running_stub() as stub:
        environment = function_environment(stub.url)
        event = json.dumps(stream_event(1)).encode()
        return in_turn(_python_contestants(STREAM_CONTESTANTS, environment, event, expected="-"), rounds=rounds)


def _python_contestants(
    modules: Mapping[str, str], environment: Mapping[str, str], event: bytes, *, expected: str
) -> dict[str, Callable[[], Any]]:
    return {
        name: partial(
            run_process,
            [sys.executable, "-m", "benchmarks.first_answer", module, expected],
            environment,
            standard_input=event,
        )
        for name, module in modules.items()
    }
