"""The dead-letter queue: failed records in messages, ten a call; too large ones whole in S3.

Limits: SQS API reference, "SendMessageBatch" (10 messages and 1 MiB a call, partial failures in a
successful answer).
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from functions.activity.items import ItemKey, ReadOutcome
from functions.activity.reader import ActivityReader
from functions.dead_letters.envelope import FailedRecord, SendOutcome
from functions.dead_letters.erased_users import WithoutErasedUsers
from functions.runtime import aws as aws_clients
from functions.runtime.arns import account_of
from functions.runtime.aws import aws_call_errors, transient_reason
from functions.runtime.invocation import Clock, LambdaContext, read_text, reserved_time
from functions.runtime.json_log import JsonObject, log
from functions.runtime.metrics import DEAD_LETTERED_FIGURES, embedded_metrics, failure_metric

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_sqs.client import SQSClient

MESSAGES_PER_CALL = 10
BYTES_PER_CALL = 1_048_576
"""Of one message, and of a call: bodies, and the names, types and values of their attributes."""
CALLS_PER_CHUNK = 4
FIRST_WAIT_SECONDS = 0.05
TIME_TO_FINISH_SECONDS = 1.0  # kept free at an invocation's end, to report how far it came
OBJECT_PREFIX = "failed-records/"


def object_key(failure_id: str) -> str:
    """Return the key of a failed record in the bucket."""
    return f"{OBJECT_PREFIX}{failure_id}.json"


def queue_from_environment(context: LambdaContext, clock: Clock) -> "DeadLetterQueue":
    """Return the queue of the environment's DEAD_LETTER_QUEUE_URL and FAILED_RECORDS_BUCKET.

    The bucket is in the function's own account.
    """
    queue_url, bucket = read_text("DEAD_LETTER_QUEUE_URL"), read_text("FAILED_RECORDS_BUCKET")
    owner = account_of(context.invoked_function_arn)
    return DeadLetterQueue(aws_clients.sqs, queue_url, aws_clients.s3, bucket, owner=owner, clock=clock)


def queue_without_erased_users(context: LambdaContext, clock: Clock) -> WithoutErasedUsers:
    """Return the same queue, which takes no record of a user whom ACTIVITY_TABLE has as erased."""
    table = read_text("ACTIVITY_TABLE")

    def read(keys: Sequence[ItemKey]) -> ReadOutcome:
        # The client is made only when there is something to send, as those of the queue.
        return ActivityReader(aws_clients.dynamodb(), table, clock).read(keys)

    return WithoutErasedUsers(queue_from_environment(context, clock), read)


class DeadLetterQueue:
    """Sends failed records to the dead-letter queue within one invocation; a `DeadLetterSender`.

    `sqs` and `s3` return clients. Making one takes time, so each is called only when it is needed.
    `owner` is the account of the bucket: S3 refuses a record if the bucket is another's (S3 user
    guide, "Verifying bucket ownership with bucket owner condition").
    """

    def __init__(  # noqa: PLR0913  two services, each with its resource
        self,
        sqs: "Callable[[], SQSClient]",
        queue_url: str,
        s3: "Callable[[], S3Client]",
        bucket: str,
        *,
        owner: str,
        clock: Clock,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._s3 = s3
        self._bucket = bucket
        self._owner = owner
        self._clock = clock
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        """Send the records in order, up to the first that can't be sent now, and count them.

        Raise an error of a call that has no `transient_reason`.
        """
        outcome = self._send(failed_records)
        kinds = Counter(failure_metric(record.kind) for record in failed_records[: outcome.sent])
        if figures := embedded_metrics(kinds, self._clock.now()):
            log("INFO", DEAD_LETTERED_FIGURES, **figures)
        return outcome

    def _send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        sent = 0
        try:
            for messages in _calls(map(self._message, failed_records)):
                unsent = self._send_call(messages)
                if unsent is not None:
                    position, reason = unsent
                    return SendOutcome(sent + position, reason)
                sent += len(messages)
        except aws_call_errors() as error:
            reason = transient_reason(error)
            if reason is None:
                raise
            return SendOutcome(sent, reason)
        return SendOutcome(sent, None)

    def _message(self, failed: FailedRecord) -> JsonObject:
        """Return the record's message; put a too large record in S3 first, and say where."""
        message = _message(failed)
        if _size(message) <= BYTES_PER_CALL:
            return message
        key = object_key(failed.failure_id)
        stored = replace(failed, record_location=f"s3://{self._bucket}/{key}")
        self._s3().put_object(
            Bucket=self._bucket,
            Key=key,
            Body=stored.to_json().encode("ascii"),
            ContentType="application/json",
            ExpectedBucketOwner=self._owner,
        )
        return _message(replace(stored, record=None, document=None))

    def _send_call(self, messages: Sequence[JsonObject]) -> tuple[int, str] | None:
        """Send up to ten messages; return the first unsent one's position and why, else None."""
        unsent = dict(enumerate(messages))
        wait = FIRST_WAIT_SECONDS
        failures: dict[int, str] = {}
        for calls_left in reversed(range(CALLS_PER_CHUNK)):
            entries: Any = [{"Id": str(position), **message} for position, message in unsent.items()]
            answer = self._sqs().send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            failures = {int(failure["Id"]): failure["Code"] for failure in answer.get("Failed", [])}
            unsent = {position: messages[position] for position in sorted(failures)}
            if not unsent:
                return None
            if not calls_left or self._clock.remaining() - wait < self._time_to_finish:
                break
            self._clock.sleep(random.uniform(wait / 2, wait))  # noqa: S311  spreads the load, hides nothing
            wait *= 2
        first = min(unsent)
        return first, f"SendMessageBatch: {failures[first]}"


def _message(failed: FailedRecord) -> JsonObject:
    attributes = {"kind": failed.kind, "failureId": failed.failure_id}
    return {
        "MessageBody": failed.to_json(),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }


def _size(message: JsonObject) -> int:
    """Return a message's bytes as SQS counts them; it is ASCII, so a character is a byte."""
    attributes = message["MessageAttributes"].items()
    return len(message["MessageBody"]) + sum(len(name) + sum(map(len, value.values())) for name, value in attributes)


def _calls(messages: Iterator[JsonObject]) -> Iterator[list[JsonObject]]:
    """Group messages, in order, into calls that keep both limits."""
    call: list[JsonObject] = []
    size = 0
    for message in messages:
        if call and (len(call) == MESSAGES_PER_CALL or size + _size(message) > BYTES_PER_CALL):
            yield call
            call, size = [], 0
        call.append(message)
        size += _size(message)
    if call:
        yield call
