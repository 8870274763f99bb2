"""Reads a stream through the DynamoDB Streams API.

Rules: DynamoDB Streams API reference, "DescribeStream", "GetShardIterator", "GetRecords": 100
shards a page; an iterator expires after 15 minutes; a page without a next iterator ends a closed
shard; a position before the trim point is refused.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from delivery.messages import ListingFailed, PageRead, ReadFailed, ReadShard, Shard, ShardsListed
from delivery.records import stream_record
from delivery.settings import StartingPosition
from functions.runtime.aws import error_code, read_records_as_json
from functions.runtime.botocore_clients import AWS_CALL_ERRORS
from functions.stream_records.streams_api import lambda_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient

RECORDS_PER_PAGE = 1000

_EXPIRED = "ExpiredIteratorException"
_TRIMMED = "TrimmedDataAccessException"


class _Position(NamedTuple):
    after: str | None
    """The last record that was read."""
    iterator: str | None
    """Reads on from there."""
    gap: bool = False
    """Whether records between them may be lost."""


class StreamsApiReader:
    """Lists and reads the shards of a stream; each call asks for the client, in case it is new."""

    def __init__(self, client: "Callable[[], DynamoDBStreamsClient]", stream_arn: str) -> None:
        self._client = client
        self._stream_arn = stream_arn
        self._positions: dict[str, _Position] = {}

    def list_shards(self) -> ShardsListed | ListingFailed:
        """List all shards."""
        shards: list[Shard] = []
        request: dict[str, Any] = {"StreamArn": self._stream_arn}
        try:
            while True:
                description = self._client().describe_stream(**request)["StreamDescription"]
                shards += [_shard(shard) for shard in description.get("Shards", [])]
                last = description.get("LastEvaluatedShardId")
                if not last:
                    return ShardsListed(shards)
                request["ExclusiveStartShardId"] = last
        except AWS_CALL_ERRORS as error:
            return ListingFailed(str(error))

    def read(self, wanted: ReadShard) -> PageRead | ReadFailed:
        """Read a page of a shard. Only one call at a time per shard is allowed."""
        try:
            return self._read(wanted)
        except AWS_CALL_ERRORS as error:
            return ReadFailed(wanted.shard_id, str(error))

    def _read(self, wanted: ReadShard) -> PageRead:
        shard_id = wanted.shard_id
        position = self._positions.pop(shard_id, None)
        if position is None or position.after != wanted.after:
            position = self._find(shard_id, wanted.after, wanted.start)
        if position.iterator is None:
            return PageRead(shard_id, [], ended=True, gap=position.gap)
        try:
            client = self._client()
            read_records_as_json(client)
            answer = client.get_records(ShardIterator=position.iterator, Limit=RECORDS_PER_PAGE)
        except ClientError as error:
            code = error_code(error)
            if code == _EXPIRED:
                return PageRead(shard_id, [], gap=wanted.after is None and wanted.start == "LATEST")
            if code != _TRIMMED:
                raise
            # The next read continues at the oldest record, and reports the gap.
            self._positions[shard_id] = self._oldest(shard_id, wanted.after)
            return PageRead(shard_id, [])
        records = [stream_record(lambda_record(record, self._stream_arn)) for record in answer["Records"]]
        after = records[-1].sequence_number if records else wanted.after
        following = answer.get("NextShardIterator") or None
        self._positions[shard_id] = _Position(after, following)
        return PageRead(shard_id, records, ended=following is None, gap=position.gap)

    def _find(self, shard_id: str, after: str | None, start: StartingPosition) -> _Position:
        if after is None:
            return _Position(after, self._iterator(shard_id, start))
        try:
            return _Position(after, self._iterator(shard_id, "AFTER_SEQUENCE_NUMBER", SequenceNumber=after))
        except ClientError as error:
            if error_code(error) != _TRIMMED:
                raise
            return self._oldest(shard_id, after)

    def _oldest(self, shard_id: str, after: str | None) -> _Position:
        return _Position(after, self._iterator(shard_id, "TRIM_HORIZON"), gap=True)

    def _iterator(self, shard_id: str, iterator_type: Any, **position: Any) -> str | None:
        answer = self._client().get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=shard_id, ShardIteratorType=iterator_type, **position
        )
        return answer.get("ShardIterator")


def _shard(shard: Any) -> Shard:
    is_closed = "EndingSequenceNumber" in shard.get("SequenceNumberRange", {})
    return Shard(shard["ShardId"], shard.get("ParentShardId"), is_closed)
