"""Which stream a table has now, and ranges of a stream's records as the rescue reads them."""

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from functions.dead_letters.envelope import StreamPointer
from functions.rescue_failed_batches.rescue import RecordsLostError, RescueInterruptedError
from functions.rescue_failed_batches.shard_reader import ShardReader
from functions.runtime.aws import read_records_as_json
from functions.runtime.invocation import Clock
from functions.runtime.json_log import Json
from ops.errors import NotFoundError, OpsError, translate, translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient


class TableStream(NamedTuple):
    """The stream that a table writes its changes to now.

    A stream that is switched off and on again, or that gets another view, is a new one with another
    ARN. Source: DynamoDB developer guide, "Change data capture for DynamoDB Streams".
    """

    table: str
    arn: str | None  # None while the table has none that is on
    view_type: str | None


def read_table_stream(client: "DynamoDBClient", table: str) -> TableStream:
    """Return a table's stream. Raise an OpsError if the table can't be described."""
    with translate_aws_errors(f"the table {table}"):
        description = client.describe_table(TableName=table)["Table"]
    stream = description.get("StreamSpecification")
    if not stream or not stream["StreamEnabled"]:
        return TableStream(table, None, None)
    return TableStream(table, description.get("LatestStreamArn"), stream.get("StreamViewType"))


def stream_began_at(stream_arn: str) -> float:
    """Return when a stream began, in seconds since the epoch, from the label that ends its ARN.

    Raise a ValueError if it ends otherwise.
    """
    return datetime.fromisoformat(stream_arn.rpartition("/stream/")[2]).replace(tzinfo=UTC).timestamp()


class _OwnTime(Clock):
    """A clock without an invocation that could end."""

    def __init__(self) -> None:
        """Need no context."""

    @override
    def remaining(self) -> float:
        return math.inf


class StreamReader:
    """The streams of Users and Activity."""

    def __init__(self, client: "DynamoDBStreamsClient") -> None:
        read_records_as_json(client)
        self._client = client

    def records(self, pointer: StreamPointer) -> list[Json]:
        """Return the records of a pointer's range that the stream still has, as Lambda's events.

        Raise a NotFoundError if the stream or its shard is gone.
        """
        try:
            return [record for page in ShardReader(self._client, _OwnTime()).pages(pointer) for record in page]
        except RecordsLostError as error:
            raise NotFoundError(f"{pointer.shard_id} of {pointer.stream_arn}: {error}") from error
        except RescueInterruptedError as error:
            cause = error.__cause__
            if isinstance(cause, BotoCoreError | ClientError):
                raise translate(cause, f"the stream {pointer.stream_arn}") from error
            raise OpsError(f"The stream {pointer.stream_arn} can't be read: {error}") from error
