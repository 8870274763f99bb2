"""Least privilege: without any one permission a case fails, with a message that names it.

The emulator checks each call against the caller's role, except where it acts itself: when it writes
functions' logs, reads a queue for a mapping and accepts a mapping. For those, the case makes
Lambda's call with the function's role; the row says so and names the source. Nothing here enforces
that a role reads its own stream only (local/deploy/iam.py).
"""

from collections.abc import Generator
from typing import NamedTuple

import pytest

from tests.support.iam import cases
from tests.support.iam.bench import Bench
from tests.support.iam.permissions import Permission, recorded_permissions
from tests.support.iam.trial import WORKED, Trial
from tests.support.local.local_stack import running_local_stack

USERS, KEYS, ACTIVITY = "table/Users-local", "table/UserKeys-local", "table/Activity-local"
STREAM = "table/Users-local/stream"
FAILURES, DEAD_LETTERS = "UserChangesFailureQueue-local", "UserChangesDeadLetterQueue-local"
LARGE_RECORDS = "userstream-failures-local-use1/*"

RUNTIME = 'the emulator writes logs without a role. AWS: Lambda developer guide, "Defining permissions with a role"'
QUEUE_POLLER = 'the emulator reads queues without a role. AWS: Lambda developer guide, "Using Lambda with Amazon SQS"'
MAPPING = "the emulator accepts any mapping. AWS: docs/decisions/0026-list-streams-on-all-resources.md"


class Row(NamedTuple):
    """Why a permission is needed."""

    permission: Permission
    case: cases.Case
    fails_with: str
    """What the case returns without it."""
    calls_for_lambda: str = ""
    """Why the case itself makes Lambda's call, if it does."""

    def __str__(self) -> str:
        return f"{self.case.__name__}, {self.permission}"


def denied(action: str) -> str:
    return f"not authorized to perform: {action}"


def log_rows(function: str, name: str) -> list[Row]:
    group = f"log-group:/aws/lambda/{name}-local:*"
    write = cases.lambda_writes_the_functions_log
    return [
        Row(Permission(function, action, group), write, f"{action}: implicitDeny", RUNTIME)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    ]


def api_row(function: str, action: str, resource: str, case: cases.Case) -> Row:
    return Row(Permission(function, action, resource), case, denied(action))


REGISTER = [
    *log_rows("register-user", "RegisterUserFunction"),
    api_row("register-user", "dynamodb:PutItem", USERS, cases.a_person_registers),
    api_row("register-user", "dynamodb:PutItem", KEYS, cases.a_person_registers),
]
MANAGE = [
    *log_rows("manage-users", "ManageUsersFunction"),
    api_row("manage-users", "dynamodb:GetItem", USERS, cases.a_user_is_read),
    api_row("manage-users", "dynamodb:UpdateItem", USERS, cases.a_user_changes_the_name),
    api_row("manage-users", "dynamodb:DeleteItem", USERS, cases.a_user_is_deleted),
    api_row("manage-users", "dynamodb:PutItem", KEYS, cases.a_user_changes_the_username),
    api_row("manage-users", "dynamodb:DeleteItem", KEYS, cases.a_user_changes_the_username),
    api_row("manage-users", "dynamodb:Query", ACTIVITY, cases.a_history_is_read),
]


def log_row(action: str, resource: str, case: cases.Case, fails_with: str, calls_for_lambda: str = "") -> Row:
    return Row(Permission("log-user-changes", action, resource), case, fails_with, calls_for_lambda)


def mapping_row(action: str, case: cases.Case) -> Row:
    return log_row(action, STREAM, case, denied(action))


LOG = [
    *log_rows("log-user-changes", "LogUserChangesFunction"),
    mapping_row("dynamodb:DescribeStream", cases.a_mapping_starts_from_its_checkpoint),
    mapping_row("dynamodb:GetShardIterator", cases.a_mapping_starts_from_its_checkpoint),
    mapping_row("dynamodb:GetRecords", cases.a_change_reaches_the_history),
    log_row("dynamodb:ListStreams", "*", cases.lambda_accepts_the_mapping, denied("dynamodb:ListStreams"), MAPPING),
    log_row("dynamodb:BatchWriteItem", ACTIVITY, cases.a_change_reaches_the_history, "BatchWriteItem: AccessDenied"),
    log_row("sqs:SendMessage", FAILURES, cases.a_given_up_batch_leaves_its_pointer, "destination refused the document"),
    log_row(
        "sqs:SendMessage", DEAD_LETTERS, cases.an_unsupported_change_is_kept_whole, "SendMessageBatch: AccessDenied"
    ),
    log_row("s3:PutObject", LARGE_RECORDS, cases.a_large_unsupported_change_is_kept_whole, "PutObject: AccessDenied"),
]


def rescue_row(action: str, resource: str, case: cases.Case, fails_with: str, calls_for_lambda: str = "") -> Row:
    return Row(Permission("rescue-failed-batches", action, resource), case, fails_with, calls_for_lambda)


def queue_row(action: str, case: cases.Case) -> Row:
    return rescue_row(action, FAILURES, case, denied(action), QUEUE_POLLER)


RESCUE = [
    *log_rows("rescue-failed-batches", "RescueFailedBatchesFunction"),
    queue_row("sqs:ReceiveMessage", cases.lambda_receives_pointers),
    queue_row("sqs:DeleteMessage", cases.lambda_deletes_pointers),
    queue_row("sqs:GetQueueAttributes", cases.lambda_reads_the_queue_s_attributes),
    rescue_row(
        "dynamodb:GetShardIterator", STREAM, cases.a_given_up_batch_is_rescued, "GetShardIterator: AccessDenied"
    ),
    rescue_row("dynamodb:GetRecords", STREAM, cases.a_given_up_batch_is_rescued, "GetRecords: AccessDenied"),
    rescue_row("sqs:SendMessage", DEAD_LETTERS, cases.a_given_up_batch_is_rescued, "SendMessageBatch: AccessDenied"),
    rescue_row("s3:PutObject", LARGE_RECORDS, cases.a_large_given_up_change_is_rescued, "PutObject: AccessDenied"),
]
ROWS = [*REGISTER, *MANAGE, *LOG, *RESCUE]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Generator[Bench]:
    """Return a stack of its own, because other tests need the whole roles."""
    directory = tmp_path_factory.mktemp("iam")
    with running_local_stack(directory) as stack:
        yield Bench(stack, directory)


def test_the_table_lists_each_permission_of_the_program_exactly_once() -> None:
    listed = [row.permission for row in ROWS]

    assert sorted(listed) == sorted(recorded_permissions())


def test_the_deployed_roles_have_exactly_the_permissions_of_the_program(bench: Bench) -> None:
    deployed = [permission for function in bench.function_names for permission in bench.roles.permissions(function)]

    assert sorted(deployed) == sorted(recorded_permissions())


@pytest.mark.parametrize("each", ROWS, ids=str)
def test_a_case_fails_without_its_permission_and_names_the_denied_action(each: Row, bench: Bench) -> None:
    with_all = each.case(Trial(bench, each.permission, bench.poller_log(), refusal=None))
    poller_log = bench.poller_log()
    with bench.roles.without({each.permission}):
        without_it = each.case(Trial(bench, each.permission, poller_log, each.fails_with))

    assert with_all == WORKED
    assert each.fails_with in without_it


def test_only_what_the_emulator_does_not_enforce_is_called_by_the_test_itself() -> None:
    called_for_lambda = {each.permission.action for each in ROWS if each.calls_for_lambda}

    assert called_for_lambda == {
        "dynamodb:ListStreams",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    }
