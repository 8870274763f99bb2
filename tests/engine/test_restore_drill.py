"""docs/runbook.md's drills, typed as written, on an engine's stack that people use meanwhile."""

import json
import os
import re
import shlex
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from infra.outputs import StackOutputs
from local.aws_clients import Clients
from ops.aws.services import Services
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE
from ops.stack_outputs import LocalMapping, LocalPoller, StackAccess
from tests.engine.conftest import emulator_account
from tests.support.engine.documented_commands import commands_of, typed
from tests.support.engine.engine_stack import EngineStack, bring_up, engine_workspace
from tests.support.local.erasure import dont_wait
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops
from tests.support.local.poller_process import PollerProcess, polling
from tests.support.local.users_over_http import person

SETTINGS = {
    "userstream:requireTls": "false",
    "userstream:websiteEnabled": "false",
    "userstream:functionPlatform": "host",
}
DRILL = "The Users table lost its items"
USERS = int(os.environ.get("USERSTREAM_DRILL_USERS", "40"))
DELETED_SHARE = 0.01
STREAM_ON: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
STREAM_OFF: Any = {"StreamEnabled": False}
REGISTRATIONS_AT_ONCE = 8


@dataclass
class Running:
    """A stack of the engine with its deliveries."""

    engine: EngineStack
    account: Clients
    poller: PollerProcess

    @property
    def outputs(self) -> StackOutputs:
        opened = self.engine.workspace.stack(self.engine.name, changes=self.settings())
        return StackOutputs.model_validate({name: each.value for name, each in opened.outputs().items()})

    def settings(self) -> dict[str, str]:
        name = f"Pulumi.{self.engine.name}.yaml"
        text = (self.engine.workspace.directory / self.engine.name / name).read_text()
        table = re.search(r"userstream:usersTableName: (\S+)", text)
        return {**SETTINGS, **({"userstream:usersTableName": table[1]} if table else {})}

    def ops(self, *arguments: str) -> Result:
        """Run a command in this process, where the local poller is known."""
        mappings = [
            LocalMapping(each.function_name, each.source_arn, each.state, each.reason)
            for each in self.poller.mappings().values()
        ]
        access = StackAccess(
            outputs=self.outputs,
            client_options={
                "endpoint_url": self.account.endpoint_url,
                "aws_access_key_id": self.account.keys.access_key_id,
                "aws_secret_access_key": self.account.keys.secret_access_key,
            },
            read_local_poller=lambda: LocalPoller(self.poller.process.pid, running=True, mappings=mappings),
            source=f"--stack {self.engine.name}",
        )
        return run_ops(Services(access, profile=None), *arguments)

    def wait_until_healthy(self) -> None:
        """Wait until nothing needs attention but what failed while roles were moved."""

        def others() -> list[str]:
            attention: list[str] = answer(self.ops("status"))["attention"]
            return [each for each in attention if not re.search(r"\d+ errors?, \d+ throttles?$", each)]

        eventually(others, lambda attention: attention == [], seconds=60 + USERS / 20)

    def register(self, **values: str) -> str:
        """Register by the function itself, as API Gateway calls it."""
        return register(self.account, **values)

    def stored(self, table: str) -> set[str]:
        return {each["userId"]["S"] for each in pages_of(self.account, table)}


def pages_of(account: Clients, table: str) -> list[Any]:
    """Return all items of a table."""
    pages = account.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def register(account: Clients, **values: str) -> str:
    event = {
        "version": "2.0",
        "routeKey": "POST /register",
        "rawPath": "/register",
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/register"}, "requestId": "r", "routeKey": "x"},
        "body": json.dumps({**person(), **values}),
        "isBase64Encoded": False,
    }
    payload: Any = account.lambda_.invoke(FunctionName="RegisterUserFunction-prod", Payload=json.dumps(event))
    answered = json.loads(payload["Payload"].read())
    assert answered.get("statusCode") == 201, answered
    return json.loads(answered["body"])["userId"]


@pytest.fixture
def running(account: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Running]:
    assert account
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "ops"))
    (tmp_path / "poller").mkdir()
    with emulator_account(tmp_path / "emulator") as clients:
        workspace = engine_workspace(tmp_path / "engine", clients)
        bring_up(workspace, "prod", SETTINGS)
        with polling(clients, tmp_path / "poller") as poller:
            yield Running(EngineStack(workspace=workspace, name="prod", settings=SETTINGS), clients, poller)


@contextmanager
def registrations(account: Clients) -> Generator[list[str]]:
    """Let people register for the time of the block."""
    ended, registered = threading.Event(), list[str]()

    def go_on() -> None:
        while not ended.wait(0.5):
            # During `pulumi up` the function's role and its settings name two tables for a moment.
            with suppress(AssertionError):
                registered.append(register(account))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield registered
    finally:
        ended.set()
        thread.join()


def blocks_of_the_drill() -> list[str]:
    """The drill's command blocks, in their order, with the date of the restore left to fill in."""
    return [
        commands_of("runbook.md", DRILL, first=first) for first in ("aws dynamodb", "pulumi config", "python -m ops")
    ]


def delete_past_the_api(account: Clients, users: Sequence[str]) -> None:
    """Delete users while the table's stream is off, and give it a new one."""
    for stream in STREAM_OFF, STREAM_ON:
        account.dynamodb.update_table(TableName="Users-prod", StreamSpecification=stream)
        for user in users if stream is STREAM_OFF else ():
            account.dynamodb.delete_item(TableName="Users-prod", Key={"userId": {"S": user}})


def test_an_emptied_table_is_restored_while_people_register(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """USERSTREAM_DRILL_USERS says how many users the table has."""
    account = running.account
    with ThreadPoolExecutor(REGISTRATIONS_AT_ONCE) as pool:
        everybody = [each.result() for each in [pool.submit(running.register) for _ in range(USERS)]]
    running.wait_until_healthy()
    share = max(1, int(USERS * DELETED_SHARE))
    deleted, users = everybody[:share], everybody[share:]
    delete_past_the_api(account, deleted)
    account.dynamodb.create_backup(TableName="Users-prod", BackupName="as-of-the-date")
    moment = datetime.now(UTC)
    time.sleep(1.1)
    erased = users.pop()
    # No invocation is as old as the wait is for.
    monkeypatch.setattr("ops.person.erase.Erasure._wait_for_invocations", dont_wait)
    assert running.ops("person", "erase", erased, "--by", "id", "--yes").exit_code == ExitCode.OK
    restore, into_service, reconcile = blocks_of_the_drill()
    restore, dates = re.subn(r"\d{4}-\d\d-\d\dT\S+Z", f"{moment:%Y-%m-%dT%H:%M:%SZ}", restore)
    assert dates == 1

    with registrations(account) as registered:
        for user in users:
            account.dynamodb.delete_item(TableName="Users-prod", Key={"userId": {"S": user}})
        typed(running.engine, restore)
        typed(running.engine, into_service)
        moved = len(registered)
        running.wait_until_healthy()
        time.sleep(2)
    lines = [shlex.split(line.partition("prod ")[2]) for line in reconcile.splitlines()]
    assert [line[0] for line in lines] == ["status", "verify", "verify"]
    _, repair, verify = lines
    repaired = answer(running.ops(*repair))
    left = [(each["problem"], each["userId"]) for each in repaired["problems"]]
    assert left == [("erased-user-stored", erased)], repaired
    assert running.ops("person", "erase", erased, "--by", "id", "--yes").exit_code == ExitCode.OK
    verified = running.ops(*verify)

    assert verified.exit_code == ExitCode.OK, verified.output
    stored = running.stored("Users-restored")
    assert set(users) <= stored
    assert stored - set(users) <= set(registered), "who was deleted or erased is not stored"
    assert len(stored - set(users)) >= len(registered) - moved > 0
    lost = set(registered) - stored
    assert lost <= running.stored("Users-prod"), "the old table keeps who registered since"
    keys = pages_of(account, "UserKeys-prod")
    assert {key["userId"]["S"] for key in keys} == stored


def test_a_stream_that_was_made_again_is_connected_by_the_command_that_status_names(running: Running) -> None:
    running.wait_until_healthy()
    delete_past_the_api(running.account, [])
    unseen = running.register()

    result = running.ops("status")
    # What failed while the stack came up is named too.
    (command,) = [each for each in answer(result)["next"] if each.startswith("pulumi")]
    assert (result.exit_code, command) == (ExitCode.UNFINISHED, "pulumi up --refresh --stack prod")
    typed(running.engine, command)

    running.wait_until_healthy()
    eventually(lambda: running.ops("activity", unseen), lambda found: found.exit_code == ExitCode.OK)
