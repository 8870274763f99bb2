"""A function under AWS's own runtime client, as Lambda runs it: it asks for invocations.

Source of the protocol: Lambda developer guide, "Using the Lambda runtime API".
"""

import json
import queue
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from uuid import uuid4

_API = "/2018-06-01/runtime"
_ANSWER_SECONDS = 60
_TIMEOUT_SECONDS = 30


class Answer(NamedTuple):
    """What a runtime said of an invocation, or of its own start."""

    body: Any
    """The result, or the error document."""
    failed: bool = False


@dataclass
class _Exchange:
    invocations: "queue.Queue[tuple[str, bytes]]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[Answer]" = field(default_factory=queue.Queue)


class RuntimeClient:
    """One process of a function."""

    def __init__(self, process: "subprocess.Popen[bytes]", exchange: _Exchange, output: Path) -> None:
        self._process = process
        self._exchange = exchange
        self._output = output

    def invoke(self, event: object) -> Answer:
        """Return the answer to an event; one invocation at a time."""
        self._exchange.invocations.put((str(uuid4()), json.dumps(event).encode()))
        return self.answer()

    def answer(self) -> Answer:
        """Return the next answer: to an invocation, or a failed start."""
        return self._exchange.answers.get(timeout=_ANSWER_SECONDS)

    def log(self) -> list[str]:
        """Return the lines that the function wrote."""
        return self._output.read_text(encoding="utf-8").splitlines()


class Runtime(NamedTuple):
    """What Lambda runs functions with."""

    python: Path
    packages: Path
    """What it brings: awslambdaric and boto3."""


@contextmanager
def runtime_client(
    runtime: Runtime, task_root: Path, handler: str, variables: Mapping[str, str]
) -> Generator[RuntimeClient]:
    """Start a function until the end of the block.

    Args:
        runtime: what it runs with.
        task_root: its unpacked zip; what it writes goes to a file beside it.
        handler: what Lambda calls, as in the function's configuration.
        variables: its environment, with FUNCTION_ARN, AWS_REGION and credentials.
    """
    output = task_root.with_suffix(".log")
    exchange = _Exchange()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_class(exchange, variables))
    Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        **variables,
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_DEFAULT_REGION": variables["AWS_REGION"],
        "AWS_LAMBDA_FUNCTION_NAME": variables["FUNCTION_ARN"].split(":")[6],
        "LAMBDA_TASK_ROOT": str(task_root),
        # Lambda puts the function's own packages before the runtime's.
        "PYTHONPATH": f"{task_root}:{runtime.packages}",
    }
    with output.open("wb") as lines:
        process = subprocess.Popen(
            [runtime.python, "-m", "awslambdaric", handler],
            cwd=task_root,
            env=environment,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
    try:
        yield RuntimeClient(process, exchange, output)
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def _handler_class(exchange: _Exchange, variables: Mapping[str, str]) -> type[BaseHTTPRequestHandler]:
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request_id, event = exchange.invocations.get()
            self.send_response(200)
            for name, value in {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + _TIMEOUT_SECONDS) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": variables["FUNCTION_ARN"],
                "Content-Type": "application/json",
                "Content-Length": str(len(event)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(event)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path.startswith(f"{_API}/"), self.path
            exchange.answers.put(Answer(body, failed=self.path.endswith("/error")))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    return RuntimeApi
