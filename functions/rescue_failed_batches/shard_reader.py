"""Reads a range of sequence numbers from one shard of a DynamoDB stream.

Rules: DynamoDB Streams API reference, "GetShardIterator" and "GetRecords": an iterator lives 15
minutes, a page holds up to 1,000 records or 1 MB and may be empty, a page without a next iterator
is the end of a closed shard. Sequence numbers differ in length, so they are compared as integers.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.dead_letters.envelope import StreamPointer
from functions.rescue_failed_batches.rescue import RecordsLostError, RescueInterruptedError
from functions.runtime.aws import aws_call_errors, error_code, transient_reason
from functions.runtime.invocation import Clock, reserved_time
from functions.runtime.json_log import Json
from functions.stream_records.streams_api import lambda_record

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient

RECORDS_PER_PAGE = 1000  # the most that GetRecords returns
TIME_TO_FINISH_SECONDS = 5.0  # kept free at an invocation's end, to send what was read
PAUSE_AFTER_EMPTY_PAGE_SECONDS = 0.05
"""A shard serves a few pages a second to each of its readers, and the mapping is one of them."""

_POSITION_LOST = frozenset({"ExpiredIteratorException", "TrimmedDataAccessException"})
# The stream or its shard doesn't exist, or no such range ever did.
_RECORDS_LOST = frozenset({"ResourceNotFoundException", "ValidationException"})


class _PositionLostError(Exception):
    """The iterator is too old, or before what the stream still has: read on from a new one."""


class ShardReader:
    """A `RecordReader` over the Streams API, within one invocation."""

    def __init__(self, client: "DynamoDBStreamsClient", clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        """See `RecordReader.pages`; what is already trimmed is missing at the start."""
        first, last = int(pointer.start_sequence_number), int(pointer.end_sequence_number)
        # A range is seldom more than its batch, and what follows it in the shard isn't needed.
        limit = max(1, min(pointer.batch_size, RECORDS_PER_PAGE))
        read_up_to: str | None = None
        iterator = self._iterator(pointer, read_up_to)
        while iterator is not None:
            try:
                answer = self._call(self._client.get_records, ShardIterator=iterator, Limit=limit)
            except _PositionLostError:
                self._clock.sleep(PAUSE_AFTER_EMPTY_PAGE_SECONDS)
                iterator = self._iterator(pointer, read_up_to)
                continue
            page: list[Json] = []
            for record in answer["Records"]:
                sequence_number = int(record["dynamodb"]["SequenceNumber"])
                if first <= sequence_number <= last:
                    page.append(lambda_record(record, pointer.stream_arn))
                read_up_to = record["dynamodb"]["SequenceNumber"]
                if sequence_number >= last:
                    break
            if page:
                yield page
            if read_up_to is not None and int(read_up_to) >= last:
                return
            iterator = answer.get("NextShardIterator")
            if iterator is not None and not answer["Records"]:
                self._clock.sleep(PAUSE_AFTER_EMPTY_PAGE_SECONDS)

    def _iterator(self, pointer: StreamPointer, read_up_to: str | None) -> str | None:
        """Return an iterator after what was read, at the range's start, or at the oldest record."""
        shard = {"StreamArn": pointer.stream_arn, "ShardId": pointer.shard_id}
        if read_up_to is None:
            wanted = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": pointer.start_sequence_number}
        else:
            wanted = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": read_up_to}
        try:
            answer = self._call(self._client.get_shard_iterator, **shard, **wanted)
        except _PositionLostError:
            answer = self._call(self._client.get_shard_iterator, **shard, ShardIteratorType="TRIM_HORIZON")
        return answer.get("ShardIterator")

    def _call(self, method: Callable[..., Any], **request: Any) -> Any:
        if self._clock.remaining() < self._time_to_finish:
            raise RescueInterruptedError("the invocation's time is nearly over")
        try:
            return method(**request)
        except aws_call_errors() as error:
            code = error_code(error) if isinstance(error, ClientError) else ""
            if code in _POSITION_LOST:
                raise _PositionLostError from error
            if code in _RECORDS_LOST:
                raise RecordsLostError(str(error)) from error
            # Even an unforeseen failure: the message, and with it the pointer, stays in the queue.
            raise RescueInterruptedError(transient_reason(error) or str(error)) from error
