"""Ranges of a stream's records, read as the rescue reads them (rescue_failed_batches)."""

import math
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from functions.dead_letters.envelope import StreamPointer
from functions.rescue_failed_batches.rescue import RecordsLostError, RescueInterruptedError
from functions.rescue_failed_batches.shard_reader import ShardReader
from functions.runtime.aws import read_records_as_json
from functions.runtime.invocation import Clock
from functions.runtime.json_log import Json
from ops.errors import NotFoundError, OpsError, translate

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient


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
