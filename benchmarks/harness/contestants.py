"""Who is measured: each way of doing a piece of work, as the commands that start it once or keep it running."""

import json
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent

BARE, PLAIN, POWERTOOLS, FASTAPI, CHALICE = (
    "bare boto3 client",
    "plain handler",
    "Powertools",
    "FastAPI + Mangum",
    "Chalice",
)
DUMPS, NODE = "json.dumps of both images", "plain Node, no SDK"


class Handler(NamedTuple):
    """A module with a handler: a Python module's name, or a JavaScript file of benchmarks/peers."""

    module: str

    def first_answer(self, expected: Mapping[str, object]) -> list[str]:
        """Return the command that has one answer in a fresh process, with these members."""
        return [*self._start("first_answer"), json.dumps(expected, separators=(",", ":"))]

    def kept_running(self) -> list[str]:
        """Return the command of `Contestant`."""
        return self._start("contestant")

    def _start(self, program: str) -> list[str]:
        if self.module.endswith(".mjs"):
            return ["node", str(HERE / f"{program}.mjs"), str(HERE.parent / "peers" / self.module)]
        return [sys.executable, "-m", f"benchmarks.harness.{program}", self.module]


def _where_node_is(handlers: dict[str, Handler]) -> dict[str, Handler]:
    return {name: handler for name, handler in handlers.items() if name != NODE or shutil.which("node")}


REGISTER = _where_node_is(
    {
        "register_user": Handler("functions.register_user.handler"),
        BARE: Handler("benchmarks.peers.bare_client"),
        PLAIN: Handler("benchmarks.peers.plain"),
        POWERTOOLS: Handler("benchmarks.peers.powertools_http"),
        FASTAPI: Handler("benchmarks.peers.fastapi_mangum"),
        CHALICE: Handler("benchmarks.peers.chalice_app"),
        NODE: Handler("register_node.mjs"),
    }
)
STREAM = {
    "log_user_changes": Handler("functions.log_user_changes.handler"),
    POWERTOOLS: Handler("benchmarks.peers.powertools_stream"),
    DUMPS: Handler("benchmarks.peers.image_dumps"),
}
STREAM_WITHOUT_ACTIVITY = _where_node_is(
    STREAM | {"log_user_changes": Handler("benchmarks.scenarios.log_without_activity"), NODE: Handler("log_node.mjs")}
)


class Contestant:
    """A handler that is kept running in a process of its own; see benchmarks/contestant.py."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def effects(self, events: Sequence[object]) -> list[dict[str, Any]]:
        """Have each event answered; return the answers, the AWS requests and the lines logged. They become its own."""
        return self._ask({"events": events})

    def seconds_per_call(self, calls: int) -> float:
        """Return the processor seconds that a call takes, over so many with its events in turn."""
        return self._ask({"calls": calls})

    def peak_mib(self) -> float:
        """Return the most memory that its process has had so far; Python's contestants alone are asked."""
        return self._ask({"peak": True})

    def _ask(self, question: dict[str, object]) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the process was started without pipes")
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}: its errors are above")
        return json.loads(answer)


@contextmanager
def running(handlers: Mapping[str, Handler], environment: Mapping[str, str]) -> Generator[dict[str, Contestant]]:
    """Keep the handlers running for the time of the block, each with this environment and nothing else."""
    with ExitStack() as ends:
        contestants: dict[str, Contestant] = {}
        for name, handler in handlers.items():
            process = subprocess.Popen(
                handler.kept_running(),
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            ends.enter_context(process)
            ends.callback(process.kill)
            contestants[name] = Contestant(process)
        yield contestants
