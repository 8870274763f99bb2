"""The contestants, each a handler that is started once or kept running in its own process."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.aws_stub import AwsStub
from benchmarks.harness.comparison import OtherWorkError, run_process
from infra.naming import PROJECT_ROOT

HERE = Path(__file__).parent

REGISTER_USER, LOG_USER_CHANGES = "register_user", "log_user_changes"
BARE, PLAIN, POWERTOOLS = "bare boto3 client", "plain handler", "Powertools"
FASTAPI, CHALICE = "FastAPI + Mangum", "Chalice"
DUMPS, NODE = "json.dumps of both images", "plain Node, no SDK"

Handlers = dict[str, str]
"""A handler by its contestant's name: a Python module, or a JavaScript file of benchmarks/peers."""


def _where_node_is_installed(handlers: Handlers) -> Handlers:
    return {name: handler for name, handler in handlers.items() if name != NODE or shutil.which("node")}


REGISTER = _where_node_is_installed(
    {
        REGISTER_USER: "functions.register_user.handler",
        BARE: "benchmarks.peers.bare_client",
        PLAIN: "benchmarks.peers.plain",
        POWERTOOLS: "benchmarks.peers.powertools_http",
        FASTAPI: "benchmarks.peers.fastapi_mangum",
        CHALICE: "benchmarks.peers.chalice_app",
        NODE: "register_node.mjs",
    }
)
STREAM = {
    LOG_USER_CHANGES: "functions.log_user_changes.handler",
    POWERTOOLS: "benchmarks.peers.powertools_stream",
    DUMPS: "benchmarks.peers.image_dumps",
}
STREAM_WITHOUT_ACTIVITY = _where_node_is_installed(
    STREAM | {LOG_USER_CHANGES: "benchmarks.harness.log_without_activity", NODE: "log_node.mjs"}
)

NOWHERE = "http://127.0.0.1:9"
"""The endpoint of clients that are stubbed inside their process."""


def function_environment(endpoint_url: str) -> dict[str, str]:
    """Return the environment that Lambda sets, with AWS at an endpoint, without the caller's own."""
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


def command(program: str, handler: str, *arguments: str) -> list[str]:
    """Return the command that runs `first_answer` or `contestant` with a handler."""
    if handler.endswith(".mjs"):
        return ["node", str(HERE / f"{program}.mjs"), str(HERE.parent / "peers" / handler), *arguments]
    return [sys.executable, "-m", f"benchmarks.harness.{program}", handler, *arguments]


class ColdStart(NamedTuple):
    """A new process that answers one event, with these members, and makes one AWS call."""

    handler: str
    call: str
    expected: Mapping[str, object]

    def seconds(self, event: object, stub: AwsStub) -> float:
        """Run the process once, and return the seconds from its start to its end.

        Raises:
            OtherWorkError: It made another call, or more than one: a retry would be timed as well.
            RuntimeError: It gave another answer.
        """
        stub.calls.clear()
        arguments = json.dumps(self.expected, separators=(",", ":"))
        process = run_process(
            command("first_answer", self.handler, arguments),
            function_environment(stub.url),
            standard_input=json.dumps(event).encode(),
        )
        if stub.calls != {self.call: 1}:
            raise OtherWorkError(f"{self.handler} made {dict(stub.calls)} instead of one {self.call}")
        return process.seconds


class Contestant:
    """A handler that is kept running by benchmarks/harness/contestant.py."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def effects(self, events: Sequence[object]) -> list[dict[str, Any]]:
        """Return each event's answer, AWS requests and log; `seconds_per_call` uses these events."""
        return self._ask({"events": events})

    def seconds_per_call(self, calls: int) -> float:
        """Return the processor seconds of one call, over so many calls with the events in turn."""
        return self._ask({"calls": calls})

    def peak_mib(self) -> float:
        """Return the peak memory of the process so far. Node's contestants don't answer this."""
        return self._ask({"peak": True})

    def _ask(self, request: dict[str, object]) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the process was started without pipes")
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}: its errors are above")
        return json.loads(answer)


@contextmanager
def running(handlers: Handlers, **variables: str) -> Generator[dict[str, Contestant]]:
    """Keep handlers running for the time of the block, with these variables in the environment."""
    with ExitStack() as ends:
        contestants: dict[str, Contestant] = {}
        for name, handler in handlers.items():
            process = subprocess.Popen(
                command("contestant", handler),
                env=function_environment(NOWHERE) | variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            ends.enter_context(process)
            ends.callback(process.kill)
            contestants[name] = Contestant(process)
        yield contestants
