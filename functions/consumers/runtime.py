"""What the handler of a queue's consumer is made of.

    from functions.consumers.runtime import StoredChange, UnprocessableChangeError, handle_changes

    def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
        return handle_changes(event, context, welcome)

    def welcome(change: StoredChange) -> None:
        ...  # return: handled. Raise UnprocessableChangeError("..."): never. Anything else: later.

A change may come again although it was handled, so what a consumer does must be idempotent by
`change.event_id`. `functions.consumers.queue_batch` has the rules of order and failure.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.activity.reader import ActivityReader
from functions.consumers.queue_batch import (
    Attempt,
    Message,
    QueueBatch,
    QueueBatchOutcome,
    Settings,
    read_messages,
)
from functions.consumers.stored_change import (
    OldAndNew,
    RetryChangeError,
    StoredChange,
    UnprocessableChangeError,
)
from functions.dead_letters.queue import queue_from_environment
from functions.runtime import aws as aws_clients

# At the start, where Lambda gives a function a whole processor: each batch needs such a client.
from functions.runtime import botocore_clients  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.runtime.aws import aws_call_errors, call_reason
from functions.runtime.invocation import Clock, LambdaContext, read_positive_integer, read_text
from functions.runtime.json_log import BufferedLog, JsonObject, Log

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

__all__ = [
    "JsonObject",
    "LambdaContext",
    "OldAndNew",
    "RetryChangeError",
    "StoredChange",
    "UnprocessableChangeError",
    "handle_change_batches",
    "handle_changes",
]

CHANGES_PER_CALL = 10
"""The most messages of a FIFO queue in one invocation."""


def handle_changes(event: JsonObject, context: LambdaContext, handle_one: Callable[[StoredChange], None]) -> JsonObject:
    """Process one batch, change by change, in the order of each user's changes.

    Args:
        event: the mapping's SQS event; with `"replay": true` of `python -m ops dlq replay`.
        context: Lambda's.
        handle_one: the consumer's own part.

    Returns:
        The mapping's answer (`batchItemFailures` by message id), with `refused` in a replay.

    Raises:
        SettingError: An environment variable is missing or unreadable.
    """

    def attempt(changes: Sequence[StoredChange]) -> Mapping[int, Exception]:
        for change in changes:
            handle_one(change)
        return {}

    return _handle(event, context, attempt, changes_per_call=1)


def handle_change_batches(event: JsonObject, context: LambdaContext, handle_batch: Attempt) -> JsonObject:
    """Process one batch in calls of up to ten changes, for a service that takes several at once.

    Args:
        event: as in `handle_changes`.
        context: Lambda's.
        handle_batch: gets changes of different users: a user's next change is in a later call, so
            that a partial failure never lets it overtake. Returns the failed ones by position, with
            the exception that `handle_one` would have raised. What it raises counts for all.

    Returns:
        As `handle_changes`.

    Raises:
        SettingError: An environment variable is missing or unreadable.
    """
    return _handle(event, context, handle_batch, changes_per_call=CHANGES_PER_CALL)


def _handle(event: JsonObject, context: LambdaContext, attempt: Attempt, *, changes_per_call: int) -> JsonObject:
    clock = Clock(context)
    log = BufferedLog()
    settings = Settings(
        source_function=context.invoked_function_arn,
        maximum_receives=read_positive_integer("MAXIMUM_RECEIVES"),
        changes_per_call=changes_per_call,
        replay=event.get("replay") is True,
    )
    queue_url, table = read_text("QUEUE_URL"), read_text("ACTIVITY_TABLE")
    messages = read_messages(event["Records"])

    def delete(done: Sequence[Message]) -> None:
        if not settings.replay:
            delete_messages(aws_clients.sqs(), queue_url, done, log)

    try:
        outcome = QueueBatch(
            settings,
            read=ActivityReader(aws_clients.dynamodb(), table, clock).read,
            attempt=attempt,
            dead_letters=queue_from_environment(context, clock),
            delete=delete,
            log=log,
            clock=clock,
            jitter=random.random,
            explain=_explain,
        ).process(messages)
        if outcome.delays and not settings.replay:
            receipts = {message.message_id: message.record["receiptHandle"] for message in messages}
            delay_messages(aws_clients.sqs(), queue_url, receipts, outcome, log)
    finally:
        log.write()
    return outcome.response()


def delete_messages(sqs: "SQSClient", queue_url: str, done: Sequence[Message], log: Log) -> None:
    """Take messages out of the queue; if that fails, Lambda does it after the batch."""
    entries: Any = [
        {"Id": str(position), "ReceiptHandle": message.record["receiptHandle"]} for position, message in enumerate(done)
    ]
    try:
        sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
    except aws_call_errors() as error:
        log("WARNING", "MESSAGES NOT DELETED YET:", reason=call_reason(error))


def delay_messages(
    sqs: "SQSClient", queue_url: str, receipts: Mapping[str, str], outcome: QueueBatchOutcome, log: Log
) -> None:
    """Set when failed messages come again; if that fails, they do after the queue's own time."""
    entries: Any = [
        {"Id": str(position), "ReceiptHandle": receipts[message_id], "VisibilityTimeout": round(delay)}
        for position, (message_id, delay) in enumerate(outcome.delays.items())
    ]
    try:
        answer = sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
    except aws_call_errors() as error:
        log("WARNING", "DELAY NOT SET:", reason=call_reason(error))
        return
    failed = {failure["Code"] for failure in answer.get("Failed", [])}
    if failed:
        log("WARNING", "DELAY NOT SET:", reason=f"ChangeMessageVisibilityBatch: {', '.join(sorted(failed))}")


def _explain(error: Exception) -> str:
    return call_reason(error) if isinstance(error, aws_call_errors()) else type(error).__qualname__
