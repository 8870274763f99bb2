"""One cold start: import a handler in this fresh process and have its first answer.

    python -m benchmarks.harness.first_answer MODULE EXPECTED < event.json

It is timed from outside. EXPECTED is JSON: the members that the answer must have.
"""

import importlib
import json
import os
import sys
from types import SimpleNamespace


def main() -> None:
    """Import, call once, and end with 1 when the answer is not the expected one."""
    module, expected = sys.argv[1:]
    event = json.load(sys.stdin)
    context = SimpleNamespace(
        aws_request_id="00000000-0000-4000-8000-000000000000",
        function_name="benchmark",
        function_version="$LATEST",
        invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:benchmark",
        memory_limit_in_mb=256,
        get_remaining_time_in_millis=lambda: 10_000,
    )
    answer = importlib.import_module(module).handler(event, context)
    if any(answer.get(name) != value for name, value in json.loads(expected).items()):
        sys.exit(f"{module} answered {answer}")
    sys.stdout.flush()
    # Lambda's process lives on: what the interpreter tidies up at its end is no part of a start.
    os._exit(0)


main()
