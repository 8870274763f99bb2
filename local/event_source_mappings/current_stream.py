"""Whether a mapping's stream is still the one that its table writes to.

A stream that is switched off ends, and one that is switched on again is another. As on AWS, a
mapping goes on with the old one and gets nothing new: docs/runbook.md, StreamNotPolled.
"""

from typing import TYPE_CHECKING

from functions.runtime.botocore_clients import AWS_CALL_ERRORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_dynamodb.client import DynamoDBClient


class CurrentStreams:
    """The streams that tables write to, as they were when somebody could tell."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self._current: dict[str, str | None] = {}

    def problem(self, stream_arn: str) -> str | None:
        """Look, and return why nothing new comes from a stream; None if it does."""
        table = stream_arn.partition("/stream/")[0].rpartition("/")[2]
        self._look(table, stream_arn)
        current = self._current.get(table, stream_arn)
        if current == stream_arn:
            return None
        now = f"its stream is {current}" if current else "it has no stream"
        return f"{table} no longer writes to this stream: {now}"

    def _look(self, table: str, known: str) -> None:
        try:
            description: Mapping[str, object] = dict(self._client.describe_table(TableName=table)["Table"])
        except AWS_CALL_ERRORS:
            self._current.setdefault(table, known)
            return
        stream = description.get("StreamSpecification")
        enabled = isinstance(stream, dict) and stream.get("StreamEnabled") is True  # pyright: ignore[reportUnknownMemberType]
        self._current[table] = str(description.get("LatestStreamArn")) if enabled else None
