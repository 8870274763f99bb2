"""One contestant in a process of its own, as in Lambda, without the imports and memory of others.

    python -m benchmarks.contestant MODULE.FUNCTION [--stub]

It reads one JSON object a line from standard input and answers each with one line:

| request | answer |
| --- | --- |
| `{"events": [...]}` | for each event, the handler's answer, its AWS requests, and its log |
| `{"calls": N}` | processor seconds per call, over N calls with those events in turn |
| `{"peak": true}` | the peak resident memory of the process so far, in MiB |

With --stub, AWS is stubbed inside the process: a client still builds, signs and parses. Standard
output is discarded, and flushed at each write, as Lambda's Python runtime does (awslambdaric,
`bootstrap.py`). Cold starts include this module's imports, so they are few.
"""

import importlib
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, TextIO

SERVICES_VARIABLE = "BENCHMARK_SERVICES"
"""Environment variable: which of the clients that the functions share are stubbed."""

CONTEXT = SimpleNamespace(
    aws_request_id="00000000-0000-4000-8000-000000000000",
    function_name="benchmark",
    function_version="$LATEST",
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:benchmark",
    memory_limit_in_mb=256,
    get_remaining_time_in_millis=lambda: 10_000,
)


def peak_mib() -> float:
    """Return the peak resident memory of this process in MiB.

    getrusage also counts what the parent had in memory when it forked.
    """
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  pathlib would count
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


class _FlushedAtEachWrite(io.TextIOBase):
    """Standard output of the handler; `kept` receives what is written while it is a list."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.kept: list[str] | None = None

    def write(self, text: str, /) -> int:
        if self.kept is not None:
            self.kept.append(text)
        written = self._stream.write(text)
        self._stream.flush()
        return written


def main() -> None:
    """Answer requests until standard input ends."""
    answers = sys.stdout
    with open(os.devnull, "w") as nothing:  # noqa: PTH123  pathlib would count
        sys.stdout = _FlushedAtEachWrite(nothing)
        module_name, _, function = sys.argv[1].rpartition(".")
        module = importlib.import_module(module_name)
        handler = getattr(module, function)
        requests = _stubbed(module) if "--stub" in sys.argv else []
        events: list[Any] = []
        for line in sys.stdin:
            asked = json.loads(line)
            if "events" in asked:
                events = asked["events"]
                answer = [_effects(handler, event, requests, sys.stdout) for event in events]
            elif "peak" in asked:
                answer = peak_mib()
            else:
                answer = _seconds_per_call(handler, events, asked["calls"])
                requests.clear()
            print(json.dumps(answer), file=answers, flush=True)


def _stubbed(module: ModuleType) -> list[Any]:
    """Stub the module's client, or the one that the functions share; return its requests."""
    from benchmarks.aws_stub import stub_client  # noqa: PLC0415  not in cold starts

    if module.__name__.startswith("functions."):
        clients = importlib.import_module("functions.runtime.aws")
        requests: list[Any] = []
        for service in os.environ.get(SERVICES_VARIABLE, "dynamodb").split(","):
            stub_client(getattr(clients, service)(), requests)
        return requests
    return stub_client(module.client) if hasattr(module, "client") else []


def _effects(
    handler: Callable[[Any, Any], Any], event: Any, requests: list[Any], output: _FlushedAtEachWrite
) -> dict[str, Any]:
    requests.clear()
    output.kept = []
    answer = handler(event, CONTEXT)
    lines = [json.loads(line) for line in "".join(output.kept).splitlines()]
    output.kept = None
    return {"answer": answer, "requests": [[operation, _content(body)] for operation, body in requests], "log": lines}


def _content(body: str | bytes) -> Any:
    """Return a request's body: its JSON, or its text where a service takes a form."""
    text = body.decode() if isinstance(body, bytes) else body
    return json.loads(text) if text.startswith("{") else text


def _seconds_per_call(handler: Callable[[Any, Any], Any], events: Sequence[Any], calls: int) -> float:
    in_turn = list(itertools.islice(itertools.cycle(events), calls))
    start = time.process_time()
    for event in in_turn:
        handler(event, CONTEXT)
    return (time.process_time() - start) / calls


if __name__ == "__main__":
    main()
