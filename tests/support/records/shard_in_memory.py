"""One shard behind the JSON of the Streams API: pages, expired iterators, trimmed records."""

from collections.abc import Sequence

from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Answer, Failure
from tests.support.records.record_strategies import STREAM_ARN

SHARD_ID = "shardId-00000001573689847184-864758bb"


def streams_api_record(record: JsonObject) -> JsonObject:
    """Return a record as the Streams API writes it, from the form in which Lambda delivers it."""
    written = {name: value for name, value in record.items() if name != "eventSourceARN"}
    if "userIdentity" in written:
        written["userIdentity"] = {name[0].upper() + name[1:]: text for name, text in written["userIdentity"].items()}
    return written


class ShardInMemory:
    """Answers GetShardIterator and GetRecords.

    Args:
        records: In Lambda's form and in order.
        page_size: Number of records in a page.
        empty_pages: Number of empty pages before each page with records.
        closed: Whether the shard ends after its last record; if not, empty pages follow.

    Attributes:
        trimmed: Number of records that are trimmed.
        expire_next: Whether the next GetRecords fails with an expired iterator.
    """

    def __init__(
        self, records: Sequence[JsonObject], *, page_size: int = 1000, empty_pages: int = 0, closed: bool = False
    ) -> None:
        self.trimmed = 0
        self.expire_next = False
        self.iterators: list[JsonObject] = []
        self._records = records
        self._page_size = page_size
        self._empty_pages = empty_pages
        self._closed = closed

    def answer(self, request: JsonObject) -> Answer:
        """Answer one request."""
        return self._records_at(request) if "ShardIterator" in request else self._iterator(request)

    def _iterator(self, request: JsonObject) -> Answer:
        self.iterators.append(request)
        if request["StreamArn"] != STREAM_ARN or request["ShardId"] != SHARD_ID:
            return Failure("ResourceNotFoundException", message="Requested resource not found: Stream not found")
        if request["ShardIteratorType"] == "TRIM_HORIZON":
            return {"ShardIterator": self._token(self.trimmed)}
        wanted = int(request["SequenceNumber"])
        position = sum(int(record["dynamodb"]["SequenceNumber"]) < wanted for record in self._records)
        if request["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER":
            position += 1
        if position < self.trimmed:
            return Failure("TrimmedDataAccessException")
        return {"ShardIterator": self._token(position)}

    def _records_at(self, request: JsonObject) -> Answer:
        position, empty_pages = map(int, request["ShardIterator"].split("/"))
        if self.expire_next:
            self.expire_next = False
            return Failure("ExpiredIteratorException")
        if position < self.trimmed:
            return Failure("TrimmedDataAccessException")
        if empty_pages:
            return {"Records": [], "NextShardIterator": f"{position}/{empty_pages - 1}"}
        page = self._records[position : position + min(self._page_size, request.get("Limit", 1000))]
        end = position + len(page)
        answer: JsonObject = {"Records": [streams_api_record(record) for record in page]}
        if end < len(self._records) or not self._closed:
            answer["NextShardIterator"] = self._token(end)
        return answer

    def _token(self, position: int) -> str:
        return f"{position}/{self._empty_pages}"
