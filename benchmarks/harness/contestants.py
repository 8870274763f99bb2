"""The contestants, each a handler that is started once or kept running in its own process."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.aws_stub import AwsStub
from benchmarks.harness.comparison import OtherWorkError
from infra.naming import PROJECT_ROOT

HERE = Path(__file__).parent

REGISTER_USER, LOG_USER_CHANGES = "register_user", "log_user_changes"
BARE, PLAIN, POWERTOOLS = "bare boto3 client", "plain handler", "Powertools"
FASTAPI, CHALICE = "FastAPI + Mangum", "Chalice"
DUMPS, NODE = "json.dumps of both images", "plain Node, no SDK"

BARE_CLIENT = {BARE: "benchmarks.peers.bare_client"}
REGISTER = {
    REGISTER_USER: "functions.register_user.handler",
    PLAIN: "benchmarks.peers.plain",
    POWERTOOLS: "benchmarks.peers.powertools_http",
    FASTAPI: "benchmarks.peers.fastapi_mangum",
    CHALICE: "benchmarks.peers.chalice_app",
}
STREAM = {
    LOG_USER_CHANGES: "functions.log_user_changes.handler",
    POWERTOOLS: "benchmarks.peers.powertools_stream",
    DUMPS: "benchmarks.peers.image_dumps",
}
STREAM_WITHOUT_ACTIVITY = STREAM | {LOG_USER_CHANGES: "benchmarks.harness.log_without_activity"}
if shutil.which("node"):
    REGISTER[NODE] = "register_node.mjs"
    STREAM_WITHOUT_ACTIVITY[NODE] = "log_node.mjs"

NOWHERE = "http://127.0.0.1:9"
"""The endpoint of clients that are stubbed inside their process."""


def _environment(endpoint_url: str) -> dict[str, str]:
    """Return the environment that Lambda sets, with AWS at an endpoint."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT_ROOT),
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


class Contestant(NamedTuple):
    """A handler that is kept running by benchmarks/harness/contestant.py."""

    process: "subprocess.Popen[str]"

    def effects(self, events: Sequence[object]) -> list[dict[str, Any]]:
        """Return each event's answer, AWS requests and log; keep the events for other calls."""
        return self._ask({"events": events})

    def seconds_per_call(self, calls: int) -> float:
        """Return the processor seconds of one call, over so many calls with the events in turn."""
        return self._ask({"calls": calls})

    def peak_mib(self) -> float:
        """Return the peak memory of the process so far. Node's contestants don't answer this."""
        return self._ask({"peak": True})

    def _ask(self, request: dict[str, object]) -> Any:
        if self.process.stdin is None or self.process.stdout is None:
            raise AssertionError("the process was started without pipes")
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self.process.args} ended with {self.process.wait()}: its errors are above")
        return json.loads(answer)


@contextmanager
def started(handler: str, *, endpoint_url: str | None = None, **variables: str) -> Generator[Contestant]:
    """Keep a handler running for the time of the block.

    Args:
        handler: A Python module, or a JavaScript file of benchmarks/peers.
        endpoint_url: Of AWS; None to stub AWS inside the process.
        variables: Of the environment, besides those that Lambda sets.
    """
    if handler.endswith(".mjs"):
        command = ["node", str(HERE / "contestant.mjs"), str(HERE.parent / "peers" / handler)]
    else:
        command = [sys.executable, "-m", "benchmarks.harness.contestant", handler]
    process = subprocess.Popen(
        command if endpoint_url else [*command, "--stub"],
        env=_environment(endpoint_url or NOWHERE) | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Contestant(process)
        finally:
            process.kill()


@contextmanager
def all_running(handlers: Mapping[str, str], **variables: str) -> Generator[dict[str, Contestant]]:
    """Keep handlers running for the time of the block, with AWS stubbed inside their processes."""
    with ExitStack() as processes:
        yield {name: processes.enter_context(started(handler, **variables)) for name, handler in handlers.items()}


class ColdStart(NamedTuple):
    """A new process that answers one event, with these members, and makes one AWS call."""

    handler: str
    call: str
    expected: Mapping[str, object]

    def seconds(self, event: object, stub: AwsStub) -> float:
        """Return the seconds from the start of the process to its answer.

        Raises:
            OtherWorkError: It gave another answer or made another call, or more than one, because a
                retry would be timed as well.
        """
        stub.calls.clear()
        began = time.perf_counter()
        with started(self.handler, endpoint_url=stub.url) as contestant:
            answer = contestant.effects([event])[0]["answer"]
            seconds = time.perf_counter() - began
        if any(answer.get(name) != value for name, value in self.expected.items()):
            raise OtherWorkError(f"{self.handler} answered {answer}")
        if stub.calls != {self.call: 1}:
            raise OtherWorkError(f"{self.handler} made {dict(stub.calls)} instead of one {self.call}")
        return seconds
