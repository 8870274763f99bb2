"""The functions' zips under AWS's runtime client answer, fail and log as on the emulator."""

import json
import re
import shutil
import time
import zipfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from benchmarks import events
from infra.naming import PROJECT_ROOT
from infra.packaging import package_bytes
from local.aws_clients import Clients
from local.state import clients_of, functions_of
from tests.runtime.conftest import install
from tests.support.local.local_stack import LocalStack
from tests.support.runtime_client import Answer, Runtime, RuntimeClient, runtime_client
from tests.support.users.http_api_events import http_event
from tests.support.users.people import registration

FUNCTIONS = sorted(path.parent.name for path in (PROJECT_ROOT / "functions").glob("*/handler.py"))

RUN = uuid4().hex[:8]
"""In everything that this run sends, and so in every line that is logged about it."""

_DIFFERS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=milliseconds\":)[\d.]+"
    r"|(?<=Timestamp\":)\d+|(?<=Date\":)\"[^\"]*\"|" + RUN
)
"""What no two invocations have in common: ids, times, durations."""


@pytest.fixture(scope="module")
def clients(local_stack: LocalStack) -> Clients:
    return clients_of(local_stack)


Start = Callable[..., AbstractContextManager[RuntimeClient]]


@pytest.fixture
def start(local_stack: LocalStack, clients: Clients, runtime: Runtime, tmp_path: Path) -> Start:
    """Start a function, by its folder's name, with its role and variables in the stack."""

    @contextmanager
    def started(folder: str, handler_source: str | None = None) -> Generator[RuntimeClient]:
        task_root = tmp_path / folder
        with zipfile.ZipFile(BytesIO(package_bytes(folder, "lambda"))) as package:
            package.extractall(task_root)
        requirements = PROJECT_ROOT / "functions" / folder / "requirements.txt"
        if requirements.is_file():
            # The zip has machine code for arm64; this machine's of the same version goes beside it.
            own = runtime.packages.with_name(sha256(requirements.read_bytes()).hexdigest())
            if not own.exists():
                install(runtime.python, requirements, own)
            shutil.copytree(own, task_root, dirs_exist_ok=True)
        if handler_source is not None:
            (task_root / "functions" / folder / "handler.py").write_text(handler_source, encoding="utf-8")
        variables = variables_of(clients, local_stack, folder)
        with runtime_client(runtime, task_root, f"functions.{folder}.handler.handler", variables) as client:
            yield client

    return started


def variables_of(clients: Clients, stack: LocalStack, folder: str) -> dict[str, str]:
    """Return a deployed function's environment, with credentials of its role."""
    name = functions_of(stack.outputs).get(folder.replace("_", "-"))
    if name is None:  # Another stack has it; here it only has to start.
        return {"FUNCTION_ARN": "arn:aws:lambda:us-east-1:000000000000:function:Other", "AWS_REGION": stack.region}
    configuration = clients.lambda_.get_function_configuration(FunctionName=name)
    credentials = clients.sts.assume_role(RoleArn=configuration["Role"], RoleSessionName="runtime")["Credentials"]
    return {
        **configuration.get("Environment", {}).get("Variables", {}),
        "FUNCTION_ARN": configuration["FunctionArn"],
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def on_the_emulator(clients: Clients, stack: LocalStack, folder: str, event: object) -> Answer:
    name = functions_of(stack.outputs)[folder.replace("_", "-")]
    answer = clients.lambda_.invoke(FunctionName=name, Payload=json.dumps(event))
    return Answer(json.loads(answer["Payload"].read()), failed="FunctionError" in answer)


def lines_about(text: list[str]) -> list[str]:
    """Return the lines of JSON about this run, without what differs."""
    return [_DIFFERS.sub("…", line) for line in text if line.startswith("{") and RUN in line]


def emulator_log(clients: Clients, stack: LocalStack, folder: str, since: float, *, wanted: list[str]) -> list[str]:
    """Return the lines about this run, as soon as they are those that are wanted."""
    group = f"/aws/lambda/{functions_of(stack.outputs)[folder.replace('_', '-')]}"
    deadline = time.monotonic() + 10
    while True:
        pages = clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since * 1000)
        )
        lines = lines_about([event.get("message", "").rstrip() for page in pages for event in page["events"]])
        if lines == wanted or time.monotonic() > deadline:
            return lines
        time.sleep(0.1)


def request(route: str, **rest: Any) -> dict[str, Any]:
    event = http_event(route, **rest)
    event["requestContext"]["requestId"] = f"request-{RUN}"
    return event


def new_user() -> str:
    return json.dumps(registration(uuid4().int % 10**10))


def poisoned(event: dict[str, Any]) -> dict[str, Any]:
    """Return a batch of which the last record is of an unknown schema version."""
    event["Records"][-1]["dynamodb"]["NewImage"]["schemaVersion"] = {"N": "2"}
    return event


def about_this_run(event: dict[str, Any], stack: LocalStack) -> dict[str, Any]:
    """Return an event of the benchmarks about users of this run, from the stack's own tables."""
    text = json.dumps(event)
    for table, own in (("Users-benchmark", "Users-local"), ("Activity-benchmark", "Activity-local")):
        text = text.replace(table, own)
    return json.loads(
        text.replace("eu-west-1", stack.region)
        .replace("00000000-0000-4000-8000-", f"{RUN}-0000-4000-8000-")
        .replace("message-", f"message-{RUN}-")
    )


CASES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "a registration": ("register_user", lambda: request("POST /register", body=new_user())),
    "an invalid one": ("register_user", lambda: request("POST /register", body='{"name": 1}')),
    "an unreadable one": ("register_user", lambda: request("POST /register", body="{")),
    "no such user": ("manage_users", lambda: request("GET /users/{userId}", path={"userId": RUN})),
    "a history of nobody": ("manage_users", lambda: request("GET /users/{userId}/activity", path={"userId": RUN})),
    "no records": ("log_user_changes", lambda: {"Records": []}),
    "a stream batch": ("log_user_changes", lambda: events.stream_event(7)),
    "a record that can't be read": ("log_user_changes", lambda: poisoned(events.stream_event(2))),
    "a batch of Activity": ("fan_out_user_changes", lambda: events.activity_event(3)),
    "messages of a consumer": ("publish_user_events", lambda: events.queue_event(3)),
    "no pointers": ("rescue_failed_batches", lambda: {"Records": []}),
}


WITHOUT_A_LINE = {"no records", "no pointers"}


@pytest.mark.parametrize("case", CASES)
def test_an_answer_and_its_log_are_the_same(case: str, start: Start, clients: Clients, local_stack: LocalStack) -> None:
    folder, make_event = CASES[case]
    since = time.time()
    emulated = on_the_emulator(clients, local_stack, folder, about_this_run(make_event(), local_stack))
    with start(folder) as function:
        real = function.invoke(about_this_run(make_event(), local_stack))

        assert not real.failed, real
        assert _DIFFERS.sub("…", json.dumps(real)) == _DIFFERS.sub("…", json.dumps(emulated))
        lines = emulator_log(clients, local_stack, folder, since, wanted=lines_about(function.log()))
        assert lines == lines_about(function.log())
        assert bool(lines) == (case not in WITHOUT_A_LINE)


@pytest.mark.parametrize("folder", ["log_user_changes", "rescue_failed_batches", "publish_user_events"])
def test_an_error_says_the_same(folder: str, start: Start, clients: Clients, local_stack: LocalStack) -> None:
    emulated = on_the_emulator(clients, local_stack, folder, {})
    with start(folder) as function:
        real = function.invoke({})

    assert real.failed
    assert emulated.failed
    assert real.body["errorMessage"] == emulated.body["errorMessage"]
    # The one difference: the emulator names no exception's type. Nothing here reads it.
    assert [real.body["errorType"], emulated.body["errorType"]] == ["KeyError", "Runtime.HandlerError"]


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_every_function_starts_from_its_zip(folder: str, start: Start) -> None:
    with start(folder) as function:
        answer = function.invoke({"Records": []})

    assert "Runtime." not in json.dumps(answer.body), answer


def test_a_function_that_cannot_be_imported_says_so(start: Start) -> None:
    with start("log_user_changes", handler_source="import functions.nowhere\n") as function:
        answer = function.answer()

    assert answer.failed
    assert answer.body["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'functions.nowhere'" in answer.body["errorMessage"]
