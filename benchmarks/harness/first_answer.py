"""One cold start: import a handler in this new process and print nothing but an unexpected answer.

    python -m benchmarks.harness.first_answer MODULE EXPECTED < event.json

EXPECTED is JSON: the members that the answer must have. The process is timed from outside, so it
imports little.
"""

import importlib
import json
import os
import sys
from types import SimpleNamespace

CONTEXT = SimpleNamespace(
    aws_request_id="00000000-0000-4000-8000-000000000000",
    function_name="benchmark",
    function_version="$LATEST",
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:benchmark",
    memory_limit_in_mb=256,
    get_remaining_time_in_millis=lambda: 10_000,
)


def main() -> None:
    """Import the handler, call it once, and exit with 1 if the answer is unexpected."""
    module, expected = sys.argv[1:]
    event = json.load(sys.stdin)
    answer = importlib.import_module(module).handler(event, CONTEXT)
    if any(answer.get(name) != value for name, value in json.loads(expected).items()):
        sys.exit(f"{module} answered {answer}")
    sys.stdout.flush()
    # Lambda keeps its process, so the interpreter's work at exit is not part of a start.
    os._exit(0)


if __name__ == "__main__":
    main()
