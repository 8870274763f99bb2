"""The dead-letter queue: failed records in messages, ten a call; too large ones whole in S3.

Limits: SQS API reference, "SendMessageBatch" (10 messages and 1 MiB a call, partial failures in a
successful answer).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from functions.dead_letters.envelope import FailedRecord, SendOutcome
from functions.runtime import aws as aws_clients
from functions.runtime.aws import AWS_CALL_ERRORS, transient_reason
from functions.runtime.invocation import Clock, read_text, reserved_time

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


def queue_from_environment(clock: Clock) -> "DeadLetterQueue":
    """Return the queue of the environment's DEAD_LETTER_QUEUE_URL and FAILED_RECORDS_BUCKET."""
    queue_url, bucket = read_text("DEAD_LETTER_QUEUE_URL"), read_text("FAILED_RECORDS_BUCKET")
    return DeadLetterQueue(aws_clients.sqs, queue_url, aws_clients.s3, bucket, clock)


class DeadLetterQueue:
    """Sends failed records to the dead-letter queue within one invocation; a `DeadLetterSender`.

    Args:
        sqs: Returns the client; called only to send, because making a client takes time.
        queue_url: The dead-letter queue.
        s3: Returns the client; called only for a record that is too large for a message.
        bucket: The name of the bucket for those records.
        clock: Read before each wait for the time that is left.
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
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        """Send the records in order, up to the first that can't be sent now.

        Raises:
            botocore.exceptions.ClientError: A call failed without a `transient_reason`.
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
        """Return the record's message; put a too large record in S3 first, and say where."""
        message = _Message(failed)
        if message.size <= BYTES_PER_CALL:
            return message
        key = f"{OBJECT_PREFIX}{failed.failure_id}.json"
        stored = replace(failed, record_location=f"s3://{self._bucket}/{key}")
        self._s3().put_object(
            Bucket=self._bucket, Key=key, Body=stored.to_json().encode("ascii"), ContentType="application/json"
        )
        return _Message(replace(stored, record=None, document=None))

    def _send_call(self, messages: "Sequence[_Message]") -> tuple[int, str] | None:
        """Send up to ten messages; return the first unsent one's position and why, else None."""
        unsent = dict(enumerate(messages))
        wait = FIRST_WAIT_SECONDS
        failures: dict[int, str] = {}
        for calls_left in reversed(range(CALLS_PER_CHUNK)):
            entries: Any = [message.entry(str(position)) for position, message in unsent.items()]
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


def _calls(messages: Iterator[_Message]) -> Iterator[list[_Message]]:
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
