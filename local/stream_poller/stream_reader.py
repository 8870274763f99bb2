"""Reads the stream through DynamoDB's Streams API.

Rules: DynamoDB Streams API reference, "DescribeStream", "GetShardIterator", "GetRecords": shards come 100 a page; an
iterator dies after 15 minutes, and then a new one goes on behind the last record; a page without a next iterator is
the end of a closed shard; a place older than the trim point is gone.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.exceptions import ClientError
from botocore.session import Session
from typing_extensions import override

from delivery.messages import ListingFailed, PageRead, ReadFailed, ReadShard, Shard, ShardsListed, StartingPosition
from delivery.records import stream_record
from functions.runtime.aws import AWS_CALL_ERRORS, error_code, read_records_as_json
from functions.stream_records.streams_api import lambda_record

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient
    from types_boto3_sts import STSClient


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
        records = [stream_record(lambda_record(record, self._stream_arn)) for record in answer["Records"]]
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


# Clients that act with the function's own role, as AWS's mapping does: what the role may not, fails
# here as there.

SESSION_NAME = "event-source-mapping"

CALLS = Config(
    connect_timeout=2,
    read_timeout=10,
    # The delivery repeats what fails, and says so.
    retries={"mode": "standard", "total_max_attempts": 1},
    s3={"addressing_style": "path"},
)

STALE_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
"""What services answer to credentials that they don't know any more."""


class _AssumedRole(CredentialProvider):
    METHOD = "assume-role"

    def __init__(self, refresh: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._refresh = refresh

    @override
    def load(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(self._refresh(), self._refresh, self.METHOD)


class RoleSession:
    """Makes clients with the credentials of a role, which renew themselves.

    Args:
        sts: Client that may assume the role.
        role_arn: The role.
        region: Of the clients.
        endpoint_url: Of every service.
    """

    def __init__(self, sts: "STSClient", role_arn: str, region: str, endpoint_url: str) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._region = region
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service.

        Raises:
            botocore.exceptions.ClientError: The role can't be assumed.
            botocore.exceptions.BotoCoreError: The token service can't be reached.
        """
        with self._making:
            if service not in self._clients:
                session = Session()
                session.register_component("credential_provider", CredentialResolver([_AssumedRole(self._assume)]))
                self._clients[service] = session.create_client(
                    service, region_name=self._region, endpoint_url=self._endpoint_url, config=CALLS
                )
            return self._clients[service]

    def renew_after(self, error_code: str) -> None:
        """Make new clients next time, if a service no longer knows the credentials: the emulator may be another."""
        if error_code in STALE_CREDENTIALS:
            with self._making:
                self._clients.clear()

    def _assume(self) -> dict[str, str]:
        answer = self._sts.assume_role(RoleArn=self._role_arn, RoleSessionName=SESSION_NAME)
        credentials = answer["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }
