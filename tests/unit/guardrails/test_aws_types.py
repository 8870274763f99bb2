"""The AWS provider's types, asked for by many threads of a process that has loaded none of them."""

import subprocess
import sys

from infra.naming import PROJECT_ROOT

COLD_PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from guardrails.aws_types import input_problems, property_names, resource_class

THREADS = 16
ready = Barrier(THREADS)


def ask(_):
    ready.wait()
    return [
        (resource_class(each).__name__, len(property_names(each)), input_problems(each, {})) for each in sys.argv[1:]
    ]


with ThreadPoolExecutor(THREADS) as threads:
    first, *others = threads.map(ask, range(THREADS))
assert all(each == first for each in others), (first, others)
print(*(name for name, _, _ in first))
"""


def test_many_threads_find_the_types_of_modules_that_nobody_has_loaded() -> None:
    types = ["aws:iam/role:Role", "aws:sqs/queue:Queue", "aws:lambda/function:Function", "aws:s3/bucket:Bucket"]

    asked = subprocess.run(
        [sys.executable, "-c", COLD_PROCESS, *types], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )

    assert asked.stdout.split() == ["Role", "Queue", "Function", "Bucket"], asked.stderr
