"""Least privilege: without any one permission a case fails, with a message that names it.

The emulator checks each call against the caller's role, and local/ reads streams and queues with
the function's role, as Lambda does. Nobody's role is checked when the emulator writes functions'
logs and accepts a mapping: there the case makes Lambda's call with the function's role; the row
says so and names the source.

Streams are the other exception: the emulator doesn't see which one a call is about
(local/deploy/iam.py). So a row about one of a role's two streams takes the other one's right away
for the whole case. That a role reads no further stream is held by the table alone.
"""

from collections.abc import Generator
from typing import NamedTuple

import pytest

from infra.consumers.declaration import Consumer
from tests.support.iam import cases, consumer_cases, rescue_cases
from tests.support.iam.bench import Bench
from tests.support.iam.permissions import STACK, Permission, recorded_permissions
from tests.support.iam.trial import WORKED, Trial
from tests.support.local.local_stack import running_local_stack

USERS, KEYS, ACTIVITY = "table/Users-local", "table/UserKeys-local", "table/Activity-local"
USERS_STREAM, ACTIVITY_STREAM = "table/Users-local/stream", "table/Activity-local/stream"
FAILURES, DEAD_LETTERS = "UserChangesFailureQueue-local", "UserChangesDeadLetterQueue-local"
LARGE_RECORDS = "userstream-failures-local-use1/*"

RUNTIME = 'the emulator writes logs without a role. AWS: Lambda developer guide, "Defining permissions with a role"'
MAPPING = "the emulator accepts any mapping. AWS: docs/decisions/0026-list-streams-on-all-resources.md"


class Row(NamedTuple):
    """Why a permission is needed."""

    permission: Permission
    case: cases.Case
    fails_with: str
    """What the case returns without it."""
    calls_for_lambda: str = ""
    """Why the case itself makes Lambda's call, if it does."""
    instead: Permission | None = None
    """What the emulator would take for the permission; the role hasn't it while the case runs."""

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
    api_row("manage-users", "dynamodb:GetItem", KEYS, cases.a_user_is_found),
    api_row("manage-users", "dynamodb:Scan", USERS, cases.users_are_listed),
    api_row("manage-users", "dynamodb:UpdateItem", USERS, cases.a_user_changes_the_name),
    api_row("manage-users", "dynamodb:DeleteItem", USERS, cases.a_user_is_deleted),
    api_row("manage-users", "dynamodb:PutItem", KEYS, cases.a_user_changes_the_username),
    api_row("manage-users", "dynamodb:DeleteItem", KEYS, cases.a_user_changes_the_username),
    api_row("manage-users", "dynamodb:PutItem", ACTIVITY, cases.a_user_is_deleted),
    api_row("manage-users", "dynamodb:Query", ACTIVITY, cases.a_history_is_read),
]


def stream_rows(function: str, stream: str, starts: cases.Case, reaches: cases.Case, accepted: cases.Case) -> list[Row]:
    return [
        Row(Permission(function, "dynamodb:DescribeStream", stream), starts, denied("dynamodb:DescribeStream")),
        Row(Permission(function, "dynamodb:GetShardIterator", stream), starts, denied("dynamodb:GetShardIterator")),
        Row(Permission(function, "dynamodb:GetRecords", stream), reaches, denied("dynamodb:GetRecords")),
        Row(Permission(function, "dynamodb:ListStreams", "*"), accepted, denied("dynamodb:ListStreams"), MAPPING),
    ]


def queue_rows(function: str, queue: str, starts: cases.Case, leaves: cases.Case) -> list[Row]:
    return [
        Row(Permission(function, "sqs:GetQueueAttributes", queue), starts, denied("sqs:GetQueueAttributes")),
        Row(Permission(function, "sqs:ReceiveMessage", queue), starts, denied("sqs:ReceiveMessage")),
        Row(Permission(function, "sqs:DeleteMessage", queue), leaves, denied("sqs:DeleteMessage")),
    ]


def failure_rows(function: str, kept: cases.Case, large_kept: cases.Case) -> list[Row]:
    return [
        Row(Permission(function, "sqs:SendMessage", DEAD_LETTERS), kept, "SendMessageBatch: AccessDenied"),
        Row(Permission(function, "s3:PutObject", LARGE_RECORDS), large_kept, "PutObject: AccessDenied"),
    ]


def pointer_row(function: str, leaves_pointer: cases.Case) -> Row:
    return Row(Permission(function, "sqs:SendMessage", FAILURES), leaves_pointer, "destination refused the document")


LOG = [
    *log_rows("log-user-changes", "LogUserChangesFunction"),
    *stream_rows(
        "log-user-changes",
        USERS_STREAM,
        starts=cases.the_history_s_mapping_starts,
        reaches=cases.a_change_reaches_the_history,
        accepted=cases.lambda_accepts_the_mapping,
    ),
    Row(cases.HISTORY, cases.a_change_reaches_the_history, "BatchWriteItem: AccessDenied"),
    Row(
        Permission("log-user-changes", "dynamodb:BatchGetItem", ACTIVITY),
        cases.a_change_reaches_the_history,
        "BatchGetItem: AccessDenied",
    ),
    *(
        Row(
            Permission("log-user-changes", f"dynamodb:{operation}", ACTIVITY),
            cases.a_deleted_user_s_history_is_limited,
            f"{operation}: AccessDenied",
        )
        for operation in ("Query", "PutItem")
    ),
    Row(
        Permission("log-user-changes", "dynamodb:ConditionCheckItem", USERS),
        cases.a_user_deleted_past_the_api_leaves_no_key,
        denied("dynamodb:ConditionCheckItem"),
    ),
    Row(
        Permission("log-user-changes", "dynamodb:DeleteItem", KEYS),
        cases.a_user_deleted_past_the_api_leaves_no_key,
        denied("dynamodb:DeleteItem"),
    ),
    pointer_row("log-user-changes", cases.a_given_up_batch_leaves_its_pointer),
    *failure_rows(
        "log-user-changes", cases.an_unsupported_change_is_kept_whole, cases.a_large_unsupported_change_is_kept_whole
    ),
]
FAN_OUT = [
    *log_rows("fan-out-user-changes", "FanOutUserChangesFunction"),
    *stream_rows(
        "fan-out-user-changes",
        ACTIVITY_STREAM,
        starts=consumer_cases.the_fan_out_s_mapping_starts,
        reaches=consumer_cases.a_change_reaches_the_bus,
        accepted=cases.lambda_accepts_the_mapping,
    ),
    Row(consumer_cases.PUBLISH_CHANGES, consumer_cases.a_change_reaches_the_bus, "PublishBatch: AuthorizationError"),
    Row(
        Permission("fan-out-user-changes", "dynamodb:BatchGetItem", ACTIVITY),
        consumer_cases.an_unreadable_item_is_kept_whole,
        "BatchGetItem: AccessDenied",
    ),
    pointer_row("fan-out-user-changes", consumer_cases.a_batch_of_the_fan_out_leaves_its_pointer),
    *failure_rows(
        "fan-out-user-changes",
        consumer_cases.an_unreadable_item_is_kept_whole,
        consumer_cases.a_large_unreadable_item_is_kept_whole,
    ),
]


def queue_consumer_rows(consumer: Consumer) -> list[Row]:
    """Return the rows of what every consumer with a queue may do."""
    function, queue = consumer.logical_name, consumer.queue_name(STACK)
    return [
        *log_rows(function, consumer.base_name),
        *queue_rows(
            function,
            queue,
            starts=consumer_cases.a_consumer_s_mapping_starts,
            leaves=consumer_cases.a_handled_change_leaves_the_queue,
        ),
        Row(
            Permission(function, "sqs:ChangeMessageVisibility", queue),
            consumer_cases.a_failed_change_comes_again_soon,
            "ChangeMessageVisibilityBatch: AccessDenied",
        ),
        Row(
            Permission(function, "dynamodb:BatchGetItem", ACTIVITY),
            consumer_cases.a_change_is_handled,
            "BatchGetItem: AccessDenied",
        ),
        *failure_rows(
            function,
            consumer_cases.a_message_that_names_no_change_is_kept_whole,
            consumer_cases.a_large_message_that_names_no_change_is_kept_whole,
        ),
    ]


QUEUE_CONSUMERS = [
    *(row for consumer in consumer_cases.QUEUE_CONSUMERS for row in queue_consumer_rows(consumer)),
    # What a declaration's `statements` allow beside that: a row per action and resource.
    Row(
        Permission("publish-user-events", "events:PutEvents", "event-bus/UserEvents-local"),
        consumer_cases.a_change_reaches_the_bus,
        "PutEvents: AccessDenied",
    ),
]


def rescued_stream_rows(stream: str, other: str, rescued: cases.Case) -> list[Row]:
    return [
        Row(
            Permission("rescue-failed-batches", f"dynamodb:{operation}", stream),
            rescued,
            f"{operation}: AccessDenied",
            instead=Permission("rescue-failed-batches", f"dynamodb:{operation}", other),
        )
        for operation in ("GetShardIterator", "GetRecords")
    ]


RESCUE = [
    *log_rows("rescue-failed-batches", "RescueFailedBatchesFunction"),
    *queue_rows(
        "rescue-failed-batches",
        FAILURES,
        starts=rescue_cases.the_pointers_mapping_starts,
        leaves=rescue_cases.a_rescued_pointer_leaves_the_queue,
    ),
    *(
        row
        for consumer in consumer_cases.QUEUE_CONSUMERS
        for row in queue_rows(
            "rescue-failed-batches",
            consumer.failure_queue_name(STACK),
            starts=rescue_cases.the_failed_messages_mapping_starts,
            leaves=rescue_cases.a_rescued_message_leaves_the_queue,
        )
    ),
    *rescued_stream_rows(USERS_STREAM, ACTIVITY_STREAM, rescue_cases.a_batch_of_users_is_rescued),
    *rescued_stream_rows(ACTIVITY_STREAM, USERS_STREAM, rescue_cases.a_batch_of_activity_is_rescued),
    Row(
        Permission("rescue-failed-batches", "dynamodb:BatchGetItem", ACTIVITY),
        rescue_cases.a_batch_of_users_is_rescued,
        "BatchGetItem: AccessDenied",
    ),
    *failure_rows(
        "rescue-failed-batches", rescue_cases.a_batch_of_users_is_rescued, rescue_cases.a_large_batch_is_rescued
    ),
]
ROWS = [*REGISTER, *MANAGE, *LOG, *FAN_OUT, *QUEUE_CONSUMERS, *RESCUE]


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
    instead = {each.instead} if each.instead else set[Permission]()
    with bench.roles.without(instead):
        with_all = each.case(Trial(bench, each.permission, bench.poller_log(), refusal=None))
    poller_log = bench.poller_log()
    with bench.roles.without({each.permission, *instead}):
        without_it = each.case(Trial(bench, each.permission, poller_log, each.fails_with))

    assert with_all == WORKED
    assert each.fails_with in without_it


def test_only_what_the_emulator_does_not_enforce_is_called_by_the_test_itself() -> None:
    called_for_lambda = {each.permission.action for each in ROWS if each.calls_for_lambda}

    assert called_for_lambda == {
        "dynamodb:ListStreams",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
