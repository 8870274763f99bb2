"""What the consumers behind Activity can do. Each function returns WORKED or how it failed."""

import json
from typing import Any
from uuid import uuid4

from tests.support.iam.bench import Bench, LogReader
from tests.support.iam.cases import LARGE
from tests.support.iam.permissions import Permission
from tests.support.iam.trial import Trial
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import person

FAN_OUT, PUBLISHER = "fan-out-user-changes", "publish-user-events"
PUBLISHER_QUEUE = "PublishUserEventsQueue-local.fifo"
PUBLISH_CHANGES = Permission(FAN_OUT, "sns:Publish", "UserChanges-local.fifo")
PUT_EVENTS = Permission(PUBLISHER, "events:PutEvents", "event-bus/UserEvents-local")

_LARGE_TEXT = "\u00e9" * 180_000
"""Two bytes each in SQS, six in JSON: more than the 1 MiB of another message around it."""


def a_change_reaches_the_bus(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    user = bench.users.registered(person())
    return trial.wait_for(lambda: bench.is_published(user), *logs)


def the_fan_out_s_mapping_starts(trial: Trial) -> str:
    """As `cases.the_history_s_mapping_starts`."""
    return _starts(trial, "/stream/")


def the_publisher_s_mapping_starts(trial: Trial) -> str:
    """A receive that has begun goes on without the permission, and attributes are remembered."""
    return _starts(trial, PUBLISHER_QUEUE)


def a_published_change_leaves_the_queue(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    queue = bench.queue_url(PUBLISHER_QUEUE)
    bench.clients.sqs.purge_queue(QueueUrl=queue)
    user = bench.users.registered(person())
    return trial.wait_for(lambda: bench.is_published(user) and not bench.messages_in(queue), *logs)


def a_failed_change_comes_again_soon(trial: Trial) -> str:
    """It does within seconds, and after the queue's visibility timeout of minutes without."""
    bench, logs = trial.bench, _logs(trial)
    with bench.roles.without({PUT_EVENTS}):
        user = bench.users.registered(person())
        eventually(logs[0], lambda lines: any("CHANGE COMES AGAIN" in line and user in line for line in lines))
    return trial.wait_for(lambda: bench.is_published(user), *logs)


def a_batch_of_the_fan_out_leaves_its_pointer(trial: Trial) -> str:
    bench = trial.bench
    with bench.roles.without({PUBLISH_CHANGES}):  # so that the batch fails until the mapping discards it
        user = bench.users.registered(person())
        return trial.wait_for(lambda: bench.dead_letter(user) is not None, trial.poller_log)


def an_unreadable_item_is_kept_whole(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    user = _write_unreadable_item(bench)
    return trial.wait_for(lambda: bench.dead_letter(user) is not None, *logs)


def a_large_unreadable_item_is_kept_whole(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    user = _write_unreadable_item(bench, note={"S": LARGE})
    return trial.wait_for(lambda: bench.is_in_bucket(user), *logs)


def a_change_too_large_for_an_event_is_kept(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    user = str(uuid4())
    fields: Any = {f"{number:05}{'x' * 995}": {"BOOL": True} for number in range(260)}
    bench.clients.dynamodb.put_item(
        TableName=bench.stack.outputs.users_table_name,
        Item={"userId": {"S": user}, "name": {"S": "Imported"}, "version": {"N": "1"}, **fields},
    )
    return trial.wait_for(lambda: bench.dead_letter(user) is not None, *logs)


def a_large_message_that_names_no_change_is_kept_whole(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    user = str(uuid4())
    body = json.dumps({"userId": user, "note": _LARGE_TEXT}, ensure_ascii=False)
    bench.clients.sqs.send_message(
        QueueUrl=bench.queue_url(PUBLISHER_QUEUE), MessageBody=body, MessageGroupId=user, MessageDeduplicationId=user
    )
    return trial.wait_for(lambda: bench.is_in_bucket(user), *logs)


def _logs(trial: Trial) -> tuple[LogReader, LogReader]:
    return trial.bench.log_of(trial.permission.function), trial.poller_log


def _starts(trial: Trial, source: str) -> str:
    bench, logs = trial.bench, _logs(trial)
    bench.restart_delivery(bench.mapping(trial.permission.function, source))
    user = bench.users.registered(person())
    return trial.wait_for(lambda: bench.is_published(user), *logs)


def _write_unreadable_item(bench: Bench, **attributes: Any) -> str:
    """Write an item that isn't log_user_changes's into Activity, and return its user."""
    user = str(uuid4())
    key = {"userId": {"S": user}, "changeId": {"S": "9" * 40}}
    bench.clients.dynamodb.put_item(TableName=bench.stack.outputs.activity_table_name, Item={**key, **attributes})
    return user
