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

from functions.dead_letters.envelope import StreamPointer
from infra.naming import PROJECT_ROOT
from local.deploy.iam import enforceable
from local.state import clients_of
from ops.aws.services import Services
from ops.consumers import consumers_of
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE
from ops.stack_outputs import StackAccess, function_names
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.ops_stack import run_ops
from tests.support.local.users_over_http import UsersOverHttp, person
from tests.support.ops.declared_consumers import FAN_OUT, activity_record, failed_record
from tests.support.ops.ops_in_memory import envelope, of_stack
from tests.support.ops.planted_data import failure_document
from tests.support.ops.replaying import change

PAGE = (PROJECT_ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
USER = "operator"

Grants = dict[str, list[str]]
"""Resources by action."""


LARGE_RECORDS = frozenset({"s3:GetObject"})
"""Needed for a record that is too large for a message."""

A_VERSION = frozenset({"s3:GetObject", "s3:GetObjectVersion"})
"""Which of the two a read of an object's version needs, the emulator sees otherwise than AWS."""


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
FIND = "`person find`, `show`"
ROWS = [
    Row(("dlq", "list"), LIST, unused_here=LARGE_RECORDS),
    Row(("dlq", "replay", "--all"), "`dlq replay`", LIST, ExitCode.UNFINISHED, LARGE_RECORDS),
    Row(("dlq", "discard", "--all", "--yes"), "`dlq discard`, `export --remove`", LIST, unused_here=LARGE_RECORDS),
    Row(("dlq", "restore", "export.jsonl"), "`dlq restore`", unused_here=frozenset({"s3:PutObject"})),
    Row(("person", "find", "nobody@example.com"), FIND, exit_code=ExitCode.NOT_FOUND),
    Row(("person", "show", "nobody@example.com"), FIND, exit_code=ExitCode.NOT_FOUND),
    Row(
        ("person", "export", "nobody", "--by", "id"),
        "`person export`",
        FIND,
        unused_here=frozenset({"dynamodb:BatchGetItem"}) | A_VERSION,
    ),
    Row(("activity", "nobody"), "`activity`", exit_code=ExitCode.NOT_FOUND),
    Row(("trace", "nothing=", "--user", "nobody"), "`trace`", LIST, ExitCode.NOT_FOUND, LARGE_RECORDS),
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
        functions = function_names(outputs)
        self._resources = {
            "sqs": [f"arn:aws:sqs:{region}:{account}:{name}" for name in queue_names(stack)],
            "s3": [f"arn:aws:s3:::{outputs.failed_records_bucket_name}{part}" for part in ("", "/*")],
            "events": ["*"],  # the emulator doesn't see which archive a call is about
            "logs": ["*"],  # of a list, which has no group of its own
            "lambda": [
                f"arn:aws:lambda:{region}:{account}:function:{name}{alias}"
                for name in functions
                for alias in ("", ":live")
            ],
            "dynamodb": [
                f"arn:aws:dynamodb:{region}:{account}:table/{table}{part}"
                for table in (outputs.users_table_name, outputs.user_keys_table_name, outputs.activity_table_name)
                for part in ("", "/stream/*")
            ],
        }

    def run(self, actions: set[str], command: Sequence[str]) -> Result:
        """Allow these actions alone, on the resources that the page names, and run a command."""
        return run_ops(self.services_of(actions), *command)

    def run_with(self, statements: list[Any], command: Sequence[str]) -> Result:
        """Allow these statements alone, and run a command."""
        return run_ops(self.services_with(statements), *command)

    def services_of(self, actions: set[str]) -> Services:
        """Allow these actions alone, on the resources that the page names."""
        statements: list[Any] = [
            {"Effect": "Allow", "Action": [action], "Resource": self._resources[action.partition(":")[0]]}
            for action in sorted(actions)
        ]
        return self.services_with(statements)

    def services_with(self, statements: list[Any]) -> Services:
        """Allow these statements alone."""
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
        return Services(access, profile=None)


def queue_names(stack: LocalStack) -> list[str]:
    """Return the queues that commands look into, the three shared ones first."""
    outputs = stack.outputs
    shared = [outputs.dead_letter_queue_url, outputs.failure_queue_url]
    own = [url for each in consumers_of(outputs) for url in (each.queue_url, each.failure_queue_url) if url]
    return [redrive_queue(stack).rpartition("/")[2], *(url.rpartition("/")[2] for url in (*shared, *own))]


def redrive_queue(stack: LocalStack) -> str:
    return f"{stack.outputs.failure_queue_url.rpartition('/')[0]}/UserChangesFailureRedriveQueue-local"


def put_data(stack: LocalStack) -> None:
    """Leave an object in the bucket, a pointer where the rescue doesn't take it, and an export."""
    clients, outputs = clients_of(stack), stack.outputs
    exported: Any = {"attributes": {}, "envelope": json.loads(of_stack(envelope(change(0)), outputs).to_json())}
    Path("export.jsonl").write_text(json.dumps(exported) + "\n")
    clients.s3.put_object(Bucket=outputs.failed_records_bucket_name, Key="failed-records/x.json", Body=b"{}")
    place = first_record_of(stack, outputs.users_stream_arn)
    clients.sqs.purge_queue(QueueUrl=redrive_queue(stack))
    clients.sqs.send_message(QueueUrl=redrive_queue(stack), MessageBody=failure_document(place))


def first_record_of(stack: LocalStack, stream_arn: str) -> StreamPointer:
    """Return a pointer to the oldest record of a stream."""
    streams = clients_of(stack).of_service("dynamodbstreams")
    for shard in streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"]:
        where = {"StreamArn": stream_arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**where)["ShardIterator"]
        for record in streams.get_records(ShardIterator=iterator)["Records"]:
            number = record["dynamodb"]["SequenceNumber"]
            return StreamPointer(
                stream_arn=stream_arn,
                shard_id=shard["ShardId"],
                start_sequence_number=number,
                end_sequence_number=number,
                batch_size=1,
            )
    raise AssertionError("the stream has no record")


def put_failures(stack: LocalStack) -> None:
    """Leave in the dead-letter queue a failed record of each of two consumers, and junk."""
    queue, sqs = stack.outputs.dead_letter_queue_url, clients_of(stack).sqs
    sqs.purge_queue(QueueUrl=queue)
    sqs.send_message(QueueUrl=queue, MessageBody="junk")
    for failed in (envelope(change(0)), failed_record(activity_record(0), FAN_OUT)):
        sqs.send_message(QueueUrl=queue, MessageBody=of_stack(failed, stack.outputs).to_json())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row.command))
def test_a_command_needs_the_actions_of_its_row_and_no_other(stack: LocalStack, row: Row) -> None:
    operator = Operator(stack)
    actions = actions_of(row.row) | (actions_of(row.includes) if row.includes else set[str]())
    assert row.unused_here < actions
    UsersOverHttp(stack).registered(person())
    for missing in sorted(actions - row.unused_here):
        put_failures(stack)
        put_data(stack)
        denied = operator.run(actions - {missing}, row.command)
        assert denied.exit_code == ExitCode.DENIED, (missing, denied.output)
        assert f"Denied: {missing}" in denied.stderr

    put_failures(stack)
    put_data(stack)
    allowed = operator.run(actions, row.command)

    assert allowed.exit_code == row.exit_code, allowed.output


def policy_of_page(stack: LocalStack, command: str = "person export") -> list[Any]:
    """Return the statements of docs/data.md's role for a command, with the stack's names put in."""
    page = (PROJECT_ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    text = page.partition(f"<!-- policy: {command} -->\n```json\n")[2].partition("```")[0]
    names = {
        "REGION": stack.region,
        "ACCOUNT": clients_of(stack).account_id,
        "ENVIRONMENT": stack.outputs.environment,
        "BUCKET": stack.outputs.failed_records_bucket_name,
    }
    for placeholder, name in names.items():
        text = text.replace(placeholder, name)
    statements: list[Any] = json.loads(text)["Statement"]
    for statement in statements:
        if statement["Sid"] == "AskForArchive":
            statement["Resource"] = "*"  # the emulator doesn't see which archive a call is about
    return statements


def test_the_role_for_a_person_s_export_is_enough_and_each_statement_is_needed(stack: LocalStack) -> None:
    operator, statements = Operator(stack), policy_of_page(stack)
    UsersOverHttp(stack).registered(person())
    command = ("person", "export", "nobody", "--by", "id")
    for position, statement in enumerate(statements):
        if statement["Sid"] == "LookIntoQueues":
            continue  # the row above: without its actions, messages stay in flight
        put_data(stack)
        without = operator.run_with(statements[:position] + statements[position + 1 :], command)
        denied = {action for action in statement["Action"] if f"Denied: {action}" in without.stderr}
        assert denied, (statement["Sid"], without.output)
    for found in ("person", "find", "nobody@example.com"), ("person", "show", "nobody@example.com"):
        assert operator.run_with(statements, found).exit_code == ExitCode.NOT_FOUND
    put_failures(stack)
    put_data(stack)

    assert operator.run_with(statements, command).exit_code == ExitCode.OK


def test_the_role_allows_what_the_page_s_row_says_and_no_more(stack: LocalStack) -> None:
    allowed = {action for statement in policy_of_page(stack) for action in statement["Action"]}
    assert allowed == actions_of("`person export`") | actions_of(FIND)
