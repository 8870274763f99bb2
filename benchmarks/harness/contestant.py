"""One contestant in a process of its own, as in Lambda: its imports, its memory, its garbage, and no other's.

Run as ``python -m benchmarks.harness.contestant MODULE``. It reads one JSON object a line and answers each with one:

| asked | answered |
| --- | --- |
| `{"events": [...]}` | for each, what the handler answered, which AWS requests it made, and which lines it logged |
| `{"calls": N}` | processor seconds per call of the handler, over N calls with those events in turn |
| `{"peak": true}` | the most MiB that the process has had resident so far |

AWS is stubbed inside the process: a client still builds, signs and parses. Standard output is thrown away, and flushed
at each write, as Lambda's Python runtime does (awslambdaric, `bootstrap.py`).
"""

import importlib
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TextIO

from benchmarks.harness.own_memory import peak_mib
from benchmarks.harness.wire import Request, stub

CONTEXT = SimpleNamespace(
    aws_request_id="00000000-0000-4000-8000-000000000000",
    function_name="benchmark",
    function_version="$LATEST",
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:benchmark",
    memory_limit_in_mb=256,
    get_remaining_time_in_millis=lambda: 10_000,
)


class _FlushedAtEachWrite(io.TextIOBase):
    """Standard output of the contestant; `kept` has what is written while it is a list."""

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
    """Answer until there are no more questions."""
    answers = sys.stdout
    with Path(os.devnull).open("w") as nothing:
        sys.stdout = _FlushedAtEachWrite(nothing)
        module = importlib.import_module(sys.argv[1])
        requests = _stubbed(module)
        events: list[Any] = []
        for line in sys.stdin:
            asked = json.loads(line)
            if "events" in asked:
                events = asked["events"]
                answer = [_effects(module.handler, event, requests, sys.stdout) for event in events]
            elif "peak" in asked:
                answer = peak_mib()
            else:
                answer = _seconds_per_call(module.handler, events, asked["calls"])
                requests.clear()
            print(json.dumps(answer), file=answers, flush=True)


def _stubbed(module: ModuleType) -> list[Request]:
    """Stub the client of the module, or the one that the functions share; return where its requests are noted."""
    if module.__name__.startswith("functions."):
        return stub(importlib.import_module("functions.runtime.aws").dynamodb())
    return stub(module.client) if hasattr(module, "client") else []


def _effects(
    handler: Callable[[Any, Any], Any], event: Any, requests: list[Request], output: _FlushedAtEachWrite
) -> dict[str, Any]:
    requests.clear()
    output.kept = []
    answer = handler(event, CONTEXT)
    lines = [json.loads(line) for line in "".join(output.kept).splitlines()]
    output.kept = None
    return {"answer": answer, "requests": [[operation, json.loads(body)] for operation, body in requests], "log": lines}


def _seconds_per_call(handler: Callable[[Any, Any], Any], events: Sequence[Any], calls: int) -> float:
    in_turn = list(itertools.islice(itertools.cycle(events), calls))
    start = time.process_time()
    for event in in_turn:
        handler(event, CONTEXT)
    return (time.process_time() - start) / calls


main()
