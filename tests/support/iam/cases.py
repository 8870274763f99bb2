"""What the API and the history can do. Each function returns WORKED or how it failed."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from functions.users.user import keys_of
from local.actions import unsupported_schema_version, write_unsupported_user
from local.state import clients_of
from tests.support.iam.bench import Bench
from tests.support.iam.permissions import Permission
from tests.support.iam.trial import WORKED, Trial
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import person

Case = Callable[[Trial], str]

HISTORY = Permission("log-user-changes", "dynamodb:BatchWriteItem", "table/Activity-local")

LARGE = "\x01" * 200_000
"""One byte each in DynamoDB, six in JSON: more than the 1 MiB of an SQS message."""


def a_person_registers(trial: Trial) -> str:
    bench = trial.bench
    log = bench.log_of("register-user")
    return trial.has_status(bench.users.register(person()), 201, log)


def a_user_is_read(trial: Trial) -> str:
    bench = trial.bench
    user, log = bench.users.registered(person()), bench.log_of("manage-users")
    return trial.has_status(bench.users.get(user), 200, log)


def a_user_is_found(trial: Trial) -> str:
    bench = trial.bench
    somebody = person()
    bench.users.registered(somebody)
    log = bench.log_of("manage-users")
    return trial.has_status(bench.users.find(email=somebody["email"]), 200, log)


def users_are_listed(trial: Trial) -> str:
    bench = trial.bench
    log = bench.log_of("manage-users")
    return trial.has_status(bench.users.find(limit="1"), 200, log)


def a_user_changes_the_name(trial: Trial) -> str:
    bench = trial.bench
    user, log = bench.users.registered(person()), bench.log_of("manage-users")
    return trial.has_status(bench.users.patch(user, {"name": "Eve Adams"}), 200, log)


def a_user_changes_the_username(trial: Trial) -> str:
    bench = trial.bench
    user, log = bench.users.registered(person()), bench.log_of("manage-users")
    return trial.has_status(bench.users.patch(user, {"username": f"n{uuid4().hex[:12]}"}), 200, log)


def a_user_is_deleted(trial: Trial) -> str:
    bench = trial.bench
    user, log = bench.users.registered(person()), bench.log_of("manage-users")
    return trial.has_status(bench.users.delete(user), 204, log)


def a_history_is_read(trial: Trial) -> str:
    bench = trial.bench
    user, log = bench.users.registered(person()), bench.log_of("manage-users")
    return trial.has_status(bench.users.get(f"{user}/activity"), 200, log)


def a_change_reaches_the_history(trial: Trial) -> str:
    bench = trial.bench
    function, poller = bench.log_of("log-user-changes"), trial.poller_log
    user = bench.users.registered(person())
    return trial.wait_for(lambda: bool(bench.activity(user)), function, poller)


def a_user_deleted_past_the_api_leaves_no_key(trial: Trial) -> str:
    bench = trial.bench
    function, poller = bench.log_of("log-user-changes"), trial.poller_log
    somebody = person()
    user = bench.users.registered(somebody)
    outputs = bench.stack.outputs
    dynamodb = clients_of(bench.stack).dynamodb
    dynamodb.delete_item(TableName=outputs.users_table_name, Key={"userId": {"S": user}})
    key: Any = {"key": {"S": keys_of(somebody)["email"]}}
    table = outputs.user_keys_table_name
    return trial.wait_for(lambda: "Item" not in dynamodb.get_item(TableName=table, Key=key), function, poller)


def a_deleted_user_s_history_is_limited(trial: Trial) -> str:
    """The user is deleted past the API, so a note has to be left too."""
    bench = trial.bench
    function, poller = bench.log_of("log-user-changes"), trial.poller_log
    user = bench.users.registered(person())
    eventually(lambda: bench.activity(user), bool)
    (before,) = bench.activity(user)
    users_table = bench.stack.outputs.users_table_name
    clients_of(bench.stack).dynamodb.delete_item(TableName=users_table, Key={"userId": {"S": user}})

    def limited() -> bool:
        return any(
            item["changeId"] == before["changeId"] and item["expiresAt"] != before["expiresAt"]
            for item in bench.activity(user)
        )

    return trial.wait_for(limited, function, poller)


def the_history_s_mapping_starts(trial: Trial) -> str:
    """The role can't read the stream, and only the mapping itself reports it."""
    bench = trial.bench
    function, poller = bench.log_of("log-user-changes"), trial.poller_log
    bench.restart_delivery(bench.mapping("log-user-changes", "/stream/"))
    user = bench.users.registered(person())
    return trial.wait_for(lambda: bool(bench.activity(user)), function, poller)


def an_unsupported_change_is_kept_whole(trial: Trial) -> str:
    bench = trial.bench
    function = bench.log_of("log-user-changes")
    user = write_unsupported_user(bench.stack)
    return trial.wait_for(lambda: bench.dead_letter(user) is not None, function)


def a_large_unsupported_change_is_kept_whole(trial: Trial) -> str:
    bench = trial.bench
    function = bench.log_of("log-user-changes")
    user = write_large_user(bench, unsupported_schema_version())
    return trial.wait_for(lambda: bench.is_in_bucket(user), function)


def a_given_up_batch_leaves_its_pointer(trial: Trial) -> str:
    bench = trial.bench
    poller = trial.poller_log
    with bench.roles.without({HISTORY}):  # so that the batch fails until the mapping discards it
        user = bench.users.registered(person())
        return trial.wait_for(lambda: bench.dead_letter(user) is not None, poller)


def lambda_writes_the_functions_log(trial: Trial) -> str:
    """Ask IAM itself, because the emulator checks the log group where AWS checks the log stream."""
    bench, permission = trial.bench, trial.permission
    name = bench.function_names[permission.function]
    answer = bench.clients.iam.simulate_principal_policy(
        PolicySourceArn=bench.roles.arn(permission.function),
        ActionNames=[permission.action],
        ResourceArns=[
            f"arn:aws:logs:{bench.stack.region}:{bench.clients.account_id}:log-group:/aws/lambda/{name}:log-stream:today"
        ],
    )
    (result,) = answer.get("EvaluationResults", [])
    return WORKED if result["EvalDecision"] == "allowed" else f"{permission.action}: {result['EvalDecision']}"


def lambda_accepts_the_mapping(trial: Trial) -> str:
    bench, permission = trial.bench, trial.permission
    return trial.authorized(bench.role_client(permission.function, "dynamodbstreams").list_streams)


def write_large_user(bench: Bench, schema_version: int) -> str:
    user = str(uuid4())
    now = "2026-01-01T00:00:00.000Z"
    bench.clients.dynamodb.put_item(
        TableName=bench.stack.outputs.users_table_name,
        Item={
            **{name: {"S": text} for name, text in person().items()},
            "userId": {"S": user},
            "note": {"S": LARGE},
            "version": {"N": "1"},
            "createdAt": {"S": now},
            "updatedAt": {"S": now},
            "schemaVersion": {"N": str(schema_version)},
        },
    )
    return user
