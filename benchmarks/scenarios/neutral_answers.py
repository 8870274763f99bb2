"""Neutral answers: the time of an answer for known addresses beside the same for new ones.

Registrations of both kinds alternate on a local stack with neutral answers, each with a username of
its own. The stack's poller is suspended meanwhile, because it works on other things for either.
"""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from benchmarks.report import Measurement
from functions.users.dynamodb_store import DynamoDBUsersStore
from functions.users.service import register
from infra.naming import PROJECT_ROOT
from local.state import LocalStack, clients_of
from local.temporary_stack import running_local_stack

ADDRESSES = 100
ROUNDS = 4
REQUESTS_PER_ROUND = 100
"""Of each kind."""

_SETTINGS = """
  userstream:registrationAnswers: neutral
  userstream:mailSender: users@example.com
"""


def measure() -> list[Measurement]:
    """Return the ratio of the medians, and of the slowest twentieths, by round."""
    with TemporaryDirectory(prefix="userstream-bench-") as name:
        directory = Path(name)
        (directory / "state").mkdir()
        with running_local_stack(directory / "state", _project(directory / "project")) as stack:
            if stack.poller_pid is None:
                raise AssertionError("a running stack has a poller")
            known = _register_users(stack)
            os.kill(stack.poller_pid, signal.SIGSTOP)
            try:
                rounds = [_round(stack, number, known) for number in range(ROUNDS + 1)][1:]
            finally:
                os.kill(stack.poller_pid, signal.SIGCONT)
    return [
        Measurement(
            f"{label} of an answer, address known",
            "address new",
            "at most",
            1.05,
            [part(of_known) / part(of_new) for of_known, of_new in rounds],
        )
        for label, part in (("median time", median), ("95th percentile", _slow))
    ]


def _slow(times: Sequence[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]


def _project(directory: Path) -> Path:
    for folder in ("delivery", "functions", "infra", "local", "frontend"):
        shutil.copytree(PROJECT_ROOT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in PROJECT_ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, directory)
    settings = directory / "Pulumi.local.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").rstrip() + _SETTINGS, encoding="utf-8")
    return directory


def _register_users(stack: LocalStack) -> list[str]:
    outputs = stack.outputs
    store = DynamoDBUsersStore(
        clients_of(stack).dynamodb, users_table=outputs.users_table_name, user_keys_table=outputs.user_keys_table_name
    )
    addresses = [f"known-{number}@example.com" for number in range(ADDRESSES)]
    for number, address in enumerate(addresses):
        registration = {"name": "Alice", "email": address, "username": f"known-{number}"}
        register(store, registration, idempotency_key=None, now=datetime.now(UTC))
    return addresses


def _round(stack: LocalStack, number: int, known: Sequence[str]) -> tuple[list[float], list[float]]:
    """Return the seconds of each answer, of known and of new addresses."""
    draw = random.Random(number)  # noqa: S311  the order, the same in each run
    http = URLLib3Session(timeout=30)
    times: tuple[list[float], list[float]] = ([], [])
    kinds = [0, 1] * REQUESTS_PER_ROUND
    draw.shuffle(kinds)
    for request, kind in enumerate(kinds):
        address = f"other-{number}-{request}@example.com" if kind else draw.choice(known)
        body = {"name": "Alice", "email": address, "username": f"asker-{number}-{request}"}
        prepared = AWSRequest(
            method="POST",
            url=f"{stack.outputs.api_url}/register",
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
        ).prepare()
        began = time.perf_counter()
        answered = http.send(prepared)
        times[kind].append(time.perf_counter() - began)
        if answered.status_code != 202:  # noqa: PLR2004  Accepted
            raise AssertionError(f"answered with {answered.status_code}")
    return times
