"""What rescue_failed_batches can do. Each function returns WORKED or how it failed."""

import json
from collections.abc import Callable
from uuid import uuid4

from functions.consumers.message import ChangeMessage
from tests.support.iam.bench import Bench
from tests.support.iam.cases import write_large_user
from tests.support.iam.trial import Trial
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import person

RESCUE = "rescue-failed-batches"


def a_batch_of_users_is_rescued(trial: Trial) -> str:
    user = trial.bench.users.registered(person())
    return _rescued(trial, lambda: _send_pointer(trial.bench, "log-user-changes", user), user)


def a_batch_of_activity_is_rescued(trial: Trial) -> str:
    user = trial.bench.users.registered(person())
    return _rescued(trial, lambda: _send_pointer(trial.bench, "fan-out-user-changes", user), user)


def a_large_batch_is_rescued(trial: Trial) -> str:
    bench = trial.bench
    user, log = write_large_user(bench, schema_version=1), bench.log_of(RESCUE)
    _send_pointer(bench, "log-user-changes", user)
    return trial.wait_for(lambda: bench.is_in_bucket(user), log)


def the_pointers_mapping_starts(trial: Trial) -> str:
    """As `consumer_cases.a_consumer_s_mapping_starts`."""
    user = trial.bench.users.registered(person())
    _restart(trial)
    return _rescued(trial, lambda: _send_pointer(trial.bench, "log-user-changes", user), user)


def a_rescued_pointer_leaves_the_queue(trial: Trial) -> str:
    user = trial.bench.users.registered(person())
    return _leaves(trial, lambda: _send_pointer(trial.bench, "log-user-changes", user), user)


def the_failed_messages_mapping_starts(trial: Trial) -> str:
    """As `consumer_cases.a_consumer_s_mapping_starts`."""
    user = str(uuid4())
    _restart(trial)
    return _rescued(trial, lambda: _send_message(trial, user), user)


def a_rescued_message_leaves_the_queue(trial: Trial) -> str:
    user = str(uuid4())
    return _leaves(trial, lambda: _send_message(trial, user), user)


def _restart(trial: Trial) -> None:
    trial.bench.restart_delivery(trial.bench.mapping(RESCUE, trial.permission.resource))


def _rescued(trial: Trial, send: Callable[[], None], user: str) -> str:
    bench, log = trial.bench, trial.bench.log_of(RESCUE)
    send()
    return trial.wait_for(lambda: bench.dead_letter(user) is not None, log, trial.poller_log)


def _leaves(trial: Trial, send: Callable[[], None], user: str) -> str:
    bench, log = trial.bench, trial.bench.log_of(RESCUE)
    queue = bench.queue_url(trial.permission.resource)
    bench.clients.sqs.purge_queue(QueueUrl=queue)
    send()
    return trial.wait_for(
        lambda: bench.dead_letter(user) is not None and not bench.messages_in(queue), log, trial.poller_log
    )


def _send_pointer(bench: Bench, function: str, user: str) -> None:
    """Send the failure document of a batch with a user's first change, as its mapping does.

    Form: Lambda developer guide, "Retaining discarded batches".
    """
    eventually(lambda: bench.activity(user), bool)
    place = bench.first_record(function, user)
    moment = "2026-01-01T00:00:00"
    document = {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": bench.mapping(function, "/stream/")["FunctionArn"],
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
        "version": "1.0",
        "timestamp": f"{moment}.000Z",
        "DDBStreamBatchInfo": {
            "shardId": place.shard_id,
            "startSequenceNumber": place.sequence_number,
            "endSequenceNumber": place.sequence_number,
            "approximateArrivalOfFirstRecord": f"{moment}Z",
            "approximateArrivalOfLastRecord": f"{moment}Z",
            "batchSize": 1,
            "streamArn": place.stream_arn,
        },
    }
    bench.clients.sqs.send_message(QueueUrl=bench.stack.outputs.failure_queue_url, MessageBody=json.dumps(document))


def _send_message(trial: Trial, user: str) -> None:
    """Send a change to a consumer's failure queue, as the topic does if its queue refuses it."""
    change = ChangeMessage(user, "1" * 40, uuid4().hex, "ADDED", "change", "2026-01-01T00:00:00.000Z")
    trial.bench.clients.sqs.send_message(
        QueueUrl=trial.bench.queue_url(trial.permission.resource),
        MessageBody=change.to_json(),
        MessageGroupId=user,
        MessageDeduplicationId=change.event_id,
    )
