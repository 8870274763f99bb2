"""docs/ops.md grants operators what each command needs, and nothing that it doesn't.

A user with the actions of a command's row can run it. Without any one of them the command ends with
the exit code of a denial and names the action.
"""

import json
import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import Result

from infra.naming import PROJECT_ROOT
from local.deploy.iam import enforceable
from local.state import clients_of
from ops.aws.services import Services
from ops.consumers import consumers_of
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE
from ops.stack_outputs import StackAccess
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.ops_stack import run_ops
from tests.support.ops.declared_consumers import FAN_OUT, activity_record, failed_record
from tests.support.ops.ops_in_memory import envelope
from tests.support.ops.replaying import change

PAGE = (PROJECT_ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
USER = "operator"

Grants = dict[str, list[str]]
"""Resources by action."""


LARGE_RECORDS = frozenset({"s3:GetObject"})
"""Needed for a record that is too large for a message."""


class Row(NamedTuple):
    """A command, and the row of the page that says what it needs."""

    command: tuple[str, ...]
    row: str
    includes: str = ""
    """Another row whose actions this one refers to."""
    exit_code: ExitCode = ExitCode.OK
    unused_here: frozenset[str] = frozenset()
    """Actions that this run happens not to need."""


LIST = "`dlq list`, `show`, `export`"
ROWS = [
    Row(("dlq", "list"), LIST, unused_here=LARGE_RECORDS),
    Row(("dlq", "replay", "--all"), "`dlq replay`", LIST, ExitCode.UNFINISHED, LARGE_RECORDS),
    Row(("dlq", "discard", "--all", "--yes"), "`dlq discard`, `export --remove`", LIST, unused_here=LARGE_RECORDS),
    Row(("activity", "nobody"), "`activity`", exit_code=ExitCode.NOT_FOUND),
]


def actions_of(row: str) -> set[str]:
    """Return the actions that a row of the page's table names."""
    (line,) = re.findall(rf"^\| {re.escape(row)} \| (.+) \|$", PAGE, re.MULTILINE)
    return set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", line))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    with running_local_stack(tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


class Operator:
    """A user of the stack's account, allowed what a test says."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._iam = clients_of(stack).iam
        if USER not in {user["UserName"] for user in self._iam.list_users()["Users"]}:
            self._iam.create_user(UserName=USER)
        self._key = self._iam.create_access_key(UserName=USER)["AccessKey"]
        region, account = stack.region, clients_of(stack).account_id
        outputs = stack.outputs
        queue = outputs.dead_letter_queue_url.rpartition("/")[2]
        functions = [one.function_name for one in consumers_of(outputs) if one.function_name]
        self._resources = {
            "sqs": [f"arn:aws:sqs:{region}:{account}:{queue}"],
            "s3": [f"arn:aws:s3:::{outputs.failed_records_bucket_name}/*"],
            "lambda": [f"arn:aws:lambda:{region}:{account}:function:{name}" for name in functions],
            "dynamodb": [f"arn:aws:dynamodb:{region}:{account}:table/{outputs.activity_table_name}"],
        }

    def run(self, actions: set[str], command: Sequence[str]) -> Result:
        """Allow these actions alone, on the resources that the page names, and run a command."""
        statements: list[Any] = [
            {"Effect": "Allow", "Action": [action], "Resource": self._resources[action.partition(":")[0]]}
            for action in sorted(actions)
        ]
        nothing = {"Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [nothing, *statements]})
        self._iam.put_user_policy(UserName=USER, PolicyName="commands", PolicyDocument=enforceable(document))
        access = StackAccess(
            outputs=self._stack.outputs,
            client_options={
                "endpoint_url": self._stack.endpoint_url,
                "aws_access_key_id": self._key["AccessKeyId"],
                "aws_secret_access_key": self._key["SecretAccessKey"],
            },
            source="--stack local",
        )
        return run_ops(Services(access, profile=None), *command)


def put_failures(stack: LocalStack) -> None:
    """Leave in the dead-letter queue a failed record of each of two consumers, and junk."""
    queue, sqs = stack.outputs.dead_letter_queue_url, clients_of(stack).sqs
    sqs.purge_queue(QueueUrl=queue)
    sqs.send_message(QueueUrl=queue, MessageBody="junk")
    for failed in (
        envelope(change(0), environment="local"),
        failed_record(activity_record(0), FAN_OUT, environment="local"),
    ):
        sqs.send_message(QueueUrl=queue, MessageBody=failed.to_json())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row.command))
def test_a_command_needs_the_actions_of_its_row_and_no_other(stack: LocalStack, row: Row) -> None:
    operator = Operator(stack)
    actions = actions_of(row.row) | (actions_of(row.includes) if row.includes else set[str]())
    assert row.unused_here < actions
    for missing in sorted(actions - row.unused_here):
        put_failures(stack)
        denied = operator.run(actions - {missing}, row.command)
        assert denied.exit_code == ExitCode.DENIED, (missing, denied.output)
        assert f"Denied: {missing}" in denied.stderr

    put_failures(stack)
    allowed = operator.run(actions, row.command)

    assert allowed.exit_code == row.exit_code, allowed.output
