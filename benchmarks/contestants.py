"""The contestants, how they run, and how they are compared.

Each is a handler in a process of its own. All must do the same work, and are measured in turn
(A, B, A, B, ...), so a ratio compares ways and not tasks, and holds when the machine's speed
drifts.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.aws_stub import AwsStub
from benchmarks.events import ACTIVITY_TABLE, USERS_TABLE
from functions.users.user import CHANGED_BY
from infra.naming import PROJECT_ROOT

HERE = Path(__file__).parent

REGISTER_USER, LOG_USER_CHANGES = "register_user", "log_user_changes"
BARE, PLAIN, POWERTOOLS = "bare boto3 client", "plain handler", "Powertools"
FASTAPI, CHALICE = "FastAPI + Mangum", "Chalice"
DUMPS, NODE = "json.dumps of both images", "plain Node, no SDK"

# Handlers as Lambda's configuration names them, or JavaScript files of peers/.
BARE_CLIENT = {BARE: "benchmarks.peers.by_hand.bare_call"}
REGISTER = {
    REGISTER_USER: "functions.register_user.handler.handler",
    PLAIN: "benchmarks.peers.by_hand.register",
    POWERTOOLS: "benchmarks.peers.powertools_http.handler",
    FASTAPI: "benchmarks.peers.fastapi_mangum.handler",
    CHALICE: "benchmarks.peers.chalice_app.handler",
}
STREAM = {
    LOG_USER_CHANGES: "functions.log_user_changes.handler.handler",
    POWERTOOLS: "benchmarks.peers.powertools_stream.handler",
    DUMPS: "benchmarks.peers.by_hand.dump_images",
}
STREAM_WITHOUT_ACTIVITY = STREAM | {LOG_USER_CHANGES: "benchmarks.log_without_activity.handler"}
if shutil.which("node"):
    REGISTER[NODE] = "register_node.mjs"
    STREAM_WITHOUT_ACTIVITY[NODE] = "log_node.mjs"

NOWHERE = "http://127.0.0.1:9"
"""The endpoint of clients that are stubbed inside their process."""

Samples = dict[str, list[float]]
"""Values by contestant, one per round."""


class OtherWorkError(RuntimeError):
    """A contestant did something else than it is measured for."""


class Contestant(NamedTuple):
    """A handler that is kept running by benchmarks/contestant.py."""

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
    """Keep a handler running for the time of the block, in Lambda's environment and `variables`.

    Without `endpoint_url`, AWS is stubbed inside the process.
    """
    if handler.endswith(".mjs"):
        command = ["node", str(HERE / "contestant.mjs"), str(HERE / "peers" / handler)]
    else:
        command = [sys.executable, "-m", "benchmarks.contestant", handler]
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


def _environment(endpoint_url: str) -> dict[str, str]:
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
        "USERS_TABLE": USERS_TABLE,
        "USER_KEYS_TABLE": "UserKeys-benchmark",
        "ACTIVITY_TABLE": ACTIVITY_TABLE,
        "ACTIVITY_RETENTION_DAYS": "30",
        "DELETED_USER_HISTORY_DAYS": "30",
        "MASK_PERSONAL_DATA": "false",
        "WRITE_ACTIVITY": "true",
        "DEAD_LETTER_QUEUE_URL": f"{endpoint_url}/000000000000/dead-letter",
        "FAILED_RECORDS_BUCKET": "failed-records-benchmark",
    }


@contextmanager
def all_running(handlers: Mapping[str, str], **variables: str) -> Generator[dict[str, Contestant]]:
    """Keep handlers running for the time of the block, with AWS stubbed inside their processes."""
    with ExitStack() as processes:
        yield {name: processes.enter_context(started(handler, **variables)) for name, handler in handlers.items()}


def cold_start_seconds(
    handler: str, event: object, stub: AwsStub, *, calls: Sequence[str], expected: Mapping[str, object]
) -> float:
    """Return the seconds from the start of a new process to its answer to one event.

    Raise OtherWorkError if the answer lacks an expected member, or if it made anything else than
    these AWS calls, each once, because a retry would be timed as well.
    """
    stub.calls.clear()
    began = time.perf_counter()
    with started(handler, endpoint_url=stub.url) as contestant:
        answer = contestant.effects([event])[0]["answer"]
        seconds = time.perf_counter() - began
    if any(answer.get(name) != value for name, value in expected.items()):
        raise OtherWorkError(f"{handler} answered {answer}")
    if stub.calls != dict.fromkeys(calls, 1):
        raise OtherWorkError(f"{handler} made {dict(stub.calls)} instead of one {' and one '.join(calls)}")
    return seconds


def in_turn(contestants: Mapping[str, Callable[[], float]], *, rounds: int) -> Samples:
    """Call each contestant once a round, after one round that isn't counted; return the results."""
    for measure in contestants.values():
        measure()
    results: Samples = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            results[name].append(measure())
    return results


def require_same_work(works: Mapping[str, object]) -> None:
    """Raise OtherWorkError if a contestant did something else than the first one."""
    (ours, expected), *others = works.items()
    for name, work in others:
        if work != expected:
            shown = "\n".join(json.dumps(each, indent=1, default=str)[:4000] for each in (work, expected))
            raise OtherWorkError(f"{name} did other work than {ours}:\n{shown}")


def registration(effects: Mapping[str, Any]) -> object:
    """Return a registration's answer and the items of its one transaction, without ids and times.

    Also without the request that made it, which the peers don't keep.

    Raise OtherWorkError if an item belongs to another user, or could replace another user's.
    """
    body = json.loads(effects["answer"]["body"])
    user_id = body.pop("userId")
    ((operation, request),) = effects["requests"]
    items: list[tuple[str, dict[str, Any]]] = []
    for put in (each["Put"] for each in request["TransactItems"]):
        item = dict(put["Item"])
        item.pop(CHANGED_BY, None)
        if item.pop("userId") != {"S": user_id}:
            raise OtherWorkError(f"an item of another user than {user_id}: {put['Item']}")
        # Each contestant words its condition differently, but without one nothing is unique.
        if "attribute_not_exists(" not in put.get("ConditionExpression", ""):
            raise OtherWorkError(f"an item that would be written over another user's: {put}")
        times = {name: "a time" for name in ("createdAt", "updatedAt") if item.get(name, {}).get("S")}
        items.append((put["TableName"], item | times))
    return {"status": effects["answer"]["statusCode"], "body": body, "operation": operation, "items": items}


def logged_and_kept(effects: Mapping[str, Any]) -> object:
    """Return the message and the image of each line that a batch logged, and its Activity items.

    Without who made a change: log_user_changes also asks Activity who deleted a user.
    """
    lines: list[object] = []
    for line in effects["log"]:
        image = next((line[name] for name in ("image", "new", "old") if name in line), None)
        if image is not None:  # else it has the metrics of the batch
            lines.append((line["message"], {name: str(value) for name, value in image.items()}))
    items: list[object] = []
    for operation, request in effects["requests"]:
        if operation == "PutItem":
            items.append((request["TableName"], _without_actor(request["Item"])))
        elif operation == "BatchWriteItem":
            for table, puts in request["RequestItems"].items():
                items += [(table, _without_actor(put["PutRequest"]["Item"])) for put in puts]
        elif operation != "BatchGetItem":
            raise OtherWorkError(f"a call that nobody expects: {operation}")
    return lines, items


def _without_actor(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "actor"}
