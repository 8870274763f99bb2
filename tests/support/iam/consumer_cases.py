"""What the fan-out, and every consumer with a queue, can do.

Each function returns WORKED or how it failed. Those about a consumer with a queue are of the one
whose permission is tried.
"""

import json
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from functions.consumers.queue_batch import COMES_AGAIN, HANDLED
from infra.consumers import enabled_consumers
from infra.consumers.declaration import Consumer
from infra.settings.check import load_settings
from tests.support.iam.bench import Bench, LogReader
from tests.support.iam.cases import LARGE
from tests.support.iam.permissions import STACK, Permission
from tests.support.iam.trial import Trial
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import person
from tests.support.stack.own_settings import own_config

QUEUE_CONSUMERS: list[Consumer] = [
    consumer for consumer in enabled_consumers(load_settings(STACK, own_config(STACK))) if consumer.has_queue
]
PUBLISH_CHANGES = Permission("fan-out-user-changes", "sns:Publish", "UserChanges-local.fifo")

_LARGE_TEXT = "\u00e9" * 180_000
"""Two bytes each in SQS, six in JSON: more than the 1 MiB of another message around it."""


def a_change_reaches_the_bus(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    user = bench.users.registered(person())
    return trial.wait_for(lambda: bench.is_published(user), *logs)


def the_fan_out_s_mapping_starts(trial: Trial) -> str:
    """As `cases.the_history_s_mapping_starts`."""
    bench, logs = trial.bench, _logs(trial)
    bench.restart_delivery(bench.mapping(trial.permission.function, "/stream/"))
    user = bench.users.registered(person())
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


def a_change_is_handled(trial: Trial) -> str:
    logs = _logs(trial)
    user = _change(trial)
    return trial.wait_for(lambda: _said(logs[0], HANDLED, user), *logs)


def a_consumer_s_mapping_starts(trial: Trial) -> str:
    """A receive that has begun goes on without the permission, and attributes are remembered."""
    logs = _logs(trial)
    trial.bench.restart_delivery(trial.bench.mapping(trial.permission.function, trial.permission.resource))
    user = _change(trial)
    return trial.wait_for(lambda: _said(logs[0], HANDLED, user), *logs)


def a_handled_change_leaves_the_queue(trial: Trial) -> str:
    bench, logs = trial.bench, _logs(trial)
    queue = bench.queue_url(trial.permission.resource)
    bench.clients.sqs.purge_queue(QueueUrl=queue)
    user = _change(trial)
    return trial.wait_for(lambda: _said(logs[0], HANDLED, user) and not bench.messages_in(queue), *logs)


def a_failed_change_comes_again_soon(trial: Trial) -> str:
    """It does within seconds, and after the queue's visibility timeout of minutes without."""
    logs = _logs(trial)
    read = Permission(trial.permission.function, "dynamodb:BatchGetItem", "table/Activity-local")
    with trial.bench.roles.without({read}):
        user = _change(trial)
        eventually(lambda: _said(logs[0], COMES_AGAIN, user), bool)
    return trial.wait_for(lambda: _said(logs[0], HANDLED, user), *logs)


def a_message_that_names_no_change_is_kept_whole(trial: Trial) -> str:
    logs = _logs(trial)
    user = _send_message(trial)
    return trial.wait_for(lambda: trial.bench.dead_letter(user) is not None, *logs)


def a_large_message_that_names_no_change_is_kept_whole(trial: Trial) -> str:
    logs = _logs(trial)
    user = _send_message(trial, note=_LARGE_TEXT)
    return trial.wait_for(lambda: trial.bench.is_in_bucket(user), *logs)


def _logs(trial: Trial) -> tuple[LogReader, LogReader]:
    return trial.bench.log_of(trial.permission.function), trial.poller_log


def _said(log: LogReader, text: str, user: str) -> bool:
    return any(text in line and user in line for line in log())


def _consumer(trial: Trial) -> Consumer:
    return next(each for each in QUEUE_CONSUMERS if each.logical_name == trial.permission.function)


def _change(trial: Trial) -> str:
    """Make a change of a kind that the consumer gets, and return its user."""
    users, kinds = trial.bench.users, _consumer(trial).kinds
    user = users.registered(person())
    if "ADDED" not in kinds:
        assert users.patch(user, {"name": "Eve Adams"}).status == HTTPStatus.OK
    if kinds == ("DELETED",):
        assert users.delete(user).status == HTTPStatus.NO_CONTENT
    return user


def _send_message(trial: Trial, **more: str) -> str:
    """Send a message that isn't the topic's to the consumer's queue, and return its user."""
    user = str(uuid4())
    trial.bench.clients.sqs.send_message(
        QueueUrl=trial.bench.queue_url(_consumer(trial).queue_name(STACK)),
        MessageBody=json.dumps({"userId": user, **more}, ensure_ascii=False),
        MessageGroupId=user,
        MessageDeduplicationId=user,
    )
    return user


def _write_unreadable_item(bench: Bench, **attributes: Any) -> str:
    """Write an item that isn't log_user_changes's into Activity, and return its user."""
    user = str(uuid4())
    key = {"userId": {"S": user}, "changeId": {"S": "8" * 40}, "kind": {"S": "ADDED"}}
    bench.clients.dynamodb.put_item(TableName=bench.stack.outputs.activity_table_name, Item={**key, **attributes})
    return user
