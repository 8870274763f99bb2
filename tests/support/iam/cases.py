"""What the stack can do from end to end. Each function returns WORKED or how it failed."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from local.actions import UNSUPPORTED_SCHEMA_VERSION, write_unsupported_user
from tests.support.iam.bench import Bench
from tests.support.iam.permissions import Permission
from tests.support.iam.trial import WORKED, Trial
from tests.support.local.local_stack import users_mapping
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import person

Case = Callable[[Trial], str]

HISTORY = Permission("log-user-changes", "dynamodb:BatchWriteItem", "table/Activity-local")

_LARGE = "\x01" * 200_000
"""One byte each in DynamoDB, six in JSON: more than the 1 MiB of an SQS message."""


def a_person_registers(trial: Trial) -> str:
    bench = trial.bench
    log = bench.log_of("register-user")
    return trial.has_status(bench.users.register(person()), 201, log)


def a_user_is_read(trial: Trial) -> str:
    bench = trial.bench
    user, log = bench.users.registered(person()), bench.log_of("manage-users")
    return trial.has_status(bench.users.get(user), 200, log)


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


def a_mapping_starts_from_its_checkpoint(trial: Trial) -> str:
    """The role can't read the stream, and only the mapping itself reports it."""
    bench = trial.bench
    function, poller = bench.log_of("log-user-changes"), trial.poller_log
    lambda_, uuid = bench.clients.lambda_, users_mapping(bench.stack)
    batch_size = lambda_.get_event_source_mapping(UUID=uuid).get("BatchSize", 0)
    # An updated mapping starts again from its checkpoint, on AWS and here.
    lambda_.update_event_source_mapping(UUID=uuid, BatchSize=batch_size - 1 if batch_size % 2 else batch_size + 1)
    eventually(poller, lambda lines: any("DELIVERY BEGUN" in line for line in lines))
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
    user = _write_large(bench, UNSUPPORTED_SCHEMA_VERSION)
    return trial.wait_for(lambda: _is_in_bucket(bench, user), function)


def a_given_up_batch_leaves_its_pointer(trial: Trial) -> str:
    bench = trial.bench
    poller = trial.poller_log
    with bench.roles.without({HISTORY}):  # so that the batch fails until the mapping discards it
        user = bench.users.registered(person())
        return trial.wait_for(lambda: bench.dead_letter(user) is not None, poller)


def a_given_up_batch_is_rescued(trial: Trial) -> str:
    bench = trial.bench
    user = bench.users.registered(person())
    return _rescued(trial, user, lambda: bench.dead_letter(user) is not None)


def a_large_given_up_change_is_rescued(trial: Trial) -> str:
    bench = trial.bench
    user = _write_large(bench, schema_version=1)
    return _rescued(trial, user, lambda: _is_in_bucket(bench, user))


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


def lambda_receives_pointers(trial: Trial) -> str:
    bench, permission = trial.bench, trial.permission
    sqs, url = bench.role_client(permission.function, "sqs"), bench.stack.outputs.failure_queue_url
    return trial.authorized(lambda: sqs.receive_message(QueueUrl=url, VisibilityTimeout=0))


def lambda_deletes_pointers(trial: Trial) -> str:
    bench, permission = trial.bench, trial.permission
    sqs, url = bench.role_client(permission.function, "sqs"), bench.stack.outputs.failure_queue_url
    return trial.authorized(lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle="of no message"))


def lambda_reads_the_queue_s_attributes(trial: Trial) -> str:
    bench, permission = trial.bench, trial.permission
    sqs, url = bench.role_client(permission.function, "sqs"), bench.stack.outputs.failure_queue_url
    return trial.authorized(lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))


def _write_large(bench: Bench, schema_version: int) -> str:
    user = str(uuid4())
    now = "2026-01-01T00:00:00.000Z"
    bench.clients.dynamodb.put_item(
        TableName=bench.stack.outputs.users_table_name,
        Item={
            **{name: {"S": text} for name, text in person().items()},
            "userId": {"S": user},
            "note": {"S": _LARGE},
            "version": {"N": "1"},
            "createdAt": {"S": now},
            "updatedAt": {"S": now},
            "schemaVersion": {"N": str(schema_version)},
        },
    )
    return user


def _is_in_bucket(bench: Bench, user: str) -> bool:
    envelope = bench.dead_letter(user)
    return envelope is not None and str(envelope["recordLocation"]).startswith("s3://")


def _rescued(trial: Trial, user: str, worked: Callable[[], bool]) -> str:
    """Send the rescue the failure document of a user's first change, as the mapping does."""
    bench = trial.bench
    log = bench.log_of("rescue-failed-batches")
    document = _failure_document(bench, user)
    bench.clients.sqs.send_message(QueueUrl=bench.stack.outputs.failure_queue_url, MessageBody=json.dumps(document))
    return trial.wait_for(worked, log)


def _failure_document(bench: Bench, user: str) -> dict[str, Any]:
    """Return AWS's failure document (Lambda developer guide, "Retaining discarded batches")."""
    function = bench.clients.lambda_.get_function_configuration(
        FunctionName=bench.stack.outputs.log_user_changes_function_name
    )
    shard_id, sequence_number = bench.first_change(user)
    moment = "2026-01-01T00:00:00"
    return {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": function["FunctionArn"],
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
        "version": "1.0",
        "timestamp": f"{moment}.000Z",
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": sequence_number,
            "endSequenceNumber": sequence_number,
            "approximateArrivalOfFirstRecord": f"{moment}Z",
            "approximateArrivalOfLastRecord": f"{moment}Z",
            "batchSize": 1,
            "streamArn": bench.stack.outputs.users_stream_arn,
        },
    }
