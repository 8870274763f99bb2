"""The dead-letter queue: failed records sent ten at a time, and kept whole in S3 when they are too large for a message.

Limits: SQS API reference, "SendMessageBatch" (10 messages and 1 MiB a call, partial failures in a good answer).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from functions.dead_letters.envelope import FailedRecord, SendOutcome
from functions.runtime.aws import AWS_CALL_ERRORS, transient_reason
from functions.runtime.invocation import Clock, time_to_keep

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_sqs.client import SQSClient

MESSAGES_PER_CALL = 10
BYTES_PER_CALL = 1_048_576
"""Of one message and of all in a call together: bodies with the names, types and values of their attributes."""

CALLS_PER_CHUNK = 4
FIRST_WAIT_SECONDS = 0.05
TIME_TO_FINISH_SECONDS = 1.0
"""Kept free at an invocation's end, to tell its caller how far it came."""

OBJECT_PREFIX = "failed-records/"


class DeadLetterQueue:
    """Sends failed records to the dead-letter queue within one invocation; a `DeadLetterSender`.

    Args:
        sqs: Gives the queue service; asked only when there is something to send, since a client costs time to make.
        queue_url: The dead-letter queue.
        s3: Gives the service for records that are too large for a message; asked only then.
        bucket: The name of their bucket.
        clock: Asked before each wait how long the invocation may still run.
    """

    def __init__(
        self,
        sqs: "Callable[[], SQSClient]",
        queue_url: str,
        s3: "Callable[[], S3Client]",
        bucket: str,
        clock: Clock,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._s3 = s3
        self._bucket = bucket
        self._clock = clock
        self._time_to_finish = time_to_keep(clock, TIME_TO_FINISH_SECONDS)

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        """Send the records in order, up to the first that can't be sent now.

        Raises:
            botocore.exceptions.ClientError: A call failed in a way that `transient_failures` doesn't name.
        """
        sent = 0
        try:
            for messages in _calls(map(self._message, failed_records)):
                unsent = self._send_call(messages)
                if unsent is not None:
                    position, reason = unsent
                    return SendOutcome(sent + position, reason)
                sent += len(messages)
        except AWS_CALL_ERRORS as error:
            reason = transient_reason(error)
            if reason is None:
                raise
            return SendOutcome(sent, reason)
        return SendOutcome(sent, None)

    def _message(self, failed: FailedRecord) -> "_Message":
        """Return the record's message; one over the limit goes to S3 first, whole, and the message says where."""
        message = _Message(failed)
        if message.size <= BYTES_PER_CALL:
            return message
        key = f"{OBJECT_PREFIX}{failed.failure_id}.json"
        kept = replace(failed, record_location=f"s3://{self._bucket}/{key}")
        self._s3().put_object(
            Bucket=self._bucket, Key=key, Body=kept.to_json().encode("ascii"), ContentType="application/json"
        )
        return _Message(replace(kept, record=None, document=None))

    def _send_call(self, messages: "Sequence[_Message]") -> tuple[int, str] | None:
        """Send up to ten messages; return the position of the first one not sent and why, None when all were."""
        waiting = dict(enumerate(messages))
        wait = FIRST_WAIT_SECONDS
        failures: dict[int, str] = {}
        for calls_left in reversed(range(CALLS_PER_CHUNK)):
            entries: Any = [message.entry(str(position)) for position, message in waiting.items()]
            answer = self._sqs().send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            failures = {int(failure["Id"]): failure["Code"] for failure in answer.get("Failed", [])}
            waiting = {position: messages[position] for position in sorted(failures)}
            if not waiting:
                return None
            if not calls_left or self._clock.remaining() - wait < self._time_to_finish:
                break
            self._clock.sleep(random.uniform(wait / 2, wait))  # noqa: S311  spreads the load, hides nothing
            wait *= 2
        first = min(waiting)
        return first, f"SendMessageBatch: {failures[first]}"


class _Message:
    """One message as SQS counts it."""

    def __init__(self, failed: FailedRecord) -> None:
        self.body = failed.to_json()
        self.attributes = {"kind": failed.kind, "failureId": failed.failure_id}
        attribute_bytes = sum(len(name) + len("String") + len(value) for name, value in self.attributes.items())
        self.size = len(self.body) + attribute_bytes  # ASCII throughout: a character is a byte

    def entry(self, entry_id: str) -> dict[str, Any]:
        return {
            "Id": entry_id,
            "MessageBody": self.body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in self.attributes.items()
            },
        }


def _calls(messages: "Iterator[_Message]") -> "Iterator[list[_Message]]":
    """Group messages, in order, into calls that keep both limits."""
    call: list[_Message] = []
    size = 0
    for message in messages:
        if call and (len(call) == MESSAGES_PER_CALL or size + message.size > BYTES_PER_CALL):
            yield call
            call, size = [], 0
        call.append(message)
        size += message.size
    if call:
        yield call
