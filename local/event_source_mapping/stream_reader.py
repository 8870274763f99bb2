"""Reads the stream through DynamoDB's Streams API.

Rules: DynamoDB Streams API reference, "DescribeStream", "GetShardIterator", "GetRecords": shards come 100 a page; an
iterator dies after 15 minutes, and then a new one goes on behind the last record; a page without a next iterator is
the end of a closed shard; a place older than the trim point is gone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from functions.stream_records.pages_as_json import read_records_as_json
from functions.transient_failures import AWS_CALL_ERRORS, error_code
from local.event_source_mapping.lineage import Shard
from local.event_source_mapping.messages import (
    ListingFailed,
    PageRead,
    ReadFailed,
    ReadShard,
    ShardsListed,
    StartingPosition,
)
from local.event_source_mapping.records import stream_record

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient

RECORDS_PER_PAGE = 1000

_EXPIRED = "ExpiredIteratorException"
_TRIMMED = "TrimmedDataAccessException"


class _Place(NamedTuple):
    """Where reading stands in a shard."""

    after: str | None
    """The last record that was given."""
    iterator: str | None
    """What reads on from there."""
    gap: bool = False
    """Whether records between them may be gone."""


class StreamReader:
    """Lists and reads the shards of one stream.

    Args:
        client: Gives the Streams client, each time anew: its credentials may have become stale.
        stream_arn: The stream.
        on_refusal: Told the code of each error that the service answers.
    """

    def __init__(
        self, client: "Callable[[], DynamoDBStreamsClient]", stream_arn: str, on_refusal: Callable[[str], None]
    ) -> None:
        self._client = client
        self._stream_arn = stream_arn
        self._on_refusal = on_refusal
        self._places: dict[str, _Place] = {}

    def shards(self) -> ShardsListed | ListingFailed:
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
            return ListingFailed(self._reason(error))

    def read(self, wanted: ReadShard) -> PageRead | ReadFailed:
        """Read a page of a shard. Not to be called twice at a time for one shard."""
        try:
            return self._read(wanted)
        except AWS_CALL_ERRORS as error:
            return ReadFailed(wanted.shard_id, self._reason(error))

    def _read(self, wanted: ReadShard) -> PageRead:
        shard_id = wanted.shard_id
        place = self._places.pop(shard_id, None)
        if place is None or place.after != wanted.after:
            place = self._find(shard_id, wanted.after, wanted.start)
        if place.iterator is None:
            return PageRead(shard_id, [], ended=True, gap=place.gap)
        try:
            client = self._client()
            read_records_as_json(client)
            answer = client.get_records(ShardIterator=place.iterator, Limit=RECORDS_PER_PAGE)
        except ClientError as error:
            code = error_code(error)
            if code == _EXPIRED:
                return PageRead(shard_id, [], gap=wanted.after is None and wanted.start == "LATEST")
            if code != _TRIMMED:
                raise
            # The next read finds a place at the oldest record; here it is only told that some may be missing.
            self._places[shard_id] = self._oldest(shard_id, wanted.after)
            return PageRead(shard_id, [])
        records = [stream_record(record, self._stream_arn) for record in answer["Records"]]
        after = records[-1].sequence_number if records else wanted.after
        following = answer.get("NextShardIterator") or None
        self._places[shard_id] = _Place(after, following)
        return PageRead(shard_id, records, ended=following is None, gap=place.gap)

    def _find(self, shard_id: str, after: str | None, start: StartingPosition) -> _Place:
        if after is None:
            return _Place(after, self._iterator(shard_id, ShardIteratorType=start))
        try:
            return _Place(
                after, self._iterator(shard_id, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=after)
            )
        except ClientError as error:
            if error_code(error) != _TRIMMED:
                raise
            return self._oldest(shard_id, after)

    def _oldest(self, shard_id: str, after: str | None) -> _Place:
        return _Place(after, self._iterator(shard_id, ShardIteratorType="TRIM_HORIZON"), gap=True)

    def _iterator(self, shard_id: str, **position: Any) -> str | None:
        answer = self._client().get_shard_iterator(StreamArn=self._stream_arn, ShardId=shard_id, **position)
        return answer.get("ShardIterator")

    def _reason(self, error: Exception) -> str:
        if isinstance(error, ClientError):
            self._on_refusal(error_code(error))
        return str(error)


def _shard(shard: Any) -> Shard:
    return Shard(
        shard_id=shard["ShardId"],
        parent_id=shard.get("ParentShardId"),
        closed="EndingSequenceNumber" in shard.get("SequenceNumberRange", {}),
    )
