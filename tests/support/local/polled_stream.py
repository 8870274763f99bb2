"""A table whose stream the poller delivers to a function in this process."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from botocore.session import Session

from delivery.assumptions import Assumptions
from delivery.decisions import DiscardedBatch, FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.delivery import Delivery
from delivery.messages import Checkpoint, SendAttempted
from delivery.records import Batch, Invocation, event_payload
from delivery.settings import INFINITE, MappingSettings
from functions.runtime.arns import neighbour_arn
from functions.runtime.json_log import JsonObject
from local.aws_clients import ONE_ATTEMPT
from local.event_source_mappings.checkpoint_file import CheckpointFile
from local.event_source_mappings.poller import Poller
from local.event_source_mappings.stream_ports import StreamPorts
from local.event_source_mappings.stream_reader import StreamsApiReader
from tests.support.aws.dynamodb_endpoints import REGION, DynamoDBEndpoint
from tests.support.records.record_processing_fakes import LogInMemory, Processing

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient

FAST = Assumptions(polls_per_second=50.0, listing_seconds=0.2, first_retry_seconds=0.01, longest_retry_seconds=0.05)

_ANSWERED = {"request_id": "r", "executed_version": "$LATEST", "status_code": 200}


class InProcessFunction:
    """The real processing of changes in this process; `trouble` may return another outcome.

    Attributes:
        batches: The records of each invocation that was admitted.
    """

    def __init__(self, arn: str, table: str) -> None:
        self.processing = Processing(source_function=arn, table=table)
        self.batches: list[list[JsonObject]] = []
        self.trouble: Callable[[list[JsonObject]], InvocationOutcome | None] = lambda _: None

    def invoke(self, batch: Batch) -> InvocationOutcome:
        event: list[JsonObject] = json.loads(event_payload(batch.records))["Records"]
        outcome = self.trouble(event)
        if isinstance(outcome, NotAdmitted):
            return outcome
        self.batches.append(event)
        return outcome or returned(self.processing.process(event).response())

    def sequence_numbers(self) -> list[int]:
        """Return the sequence numbers of all records that it got, in order."""
        return [int(record["dynamodb"]["SequenceNumber"]) for batch in self.batches for record in batch]


def returned(answer: JsonObject) -> FunctionReturned:
    return FunctionReturned(json.dumps(answer).encode(), Invocation(function_error=None, **cast("Any", _ANSWERED)))


def raised() -> FunctionFailed:
    return FunctionFailed(Invocation(function_error="Unhandled", **cast("Any", _ANSWERED)))


class DiscardsInMemory:
    """An on-failure destination."""

    def __init__(self) -> None:
        self.discards: list[DiscardedBatch] = []

    def send(self, shard_id: str, discarded: DiscardedBatch) -> SendAttempted:  # noqa: ARG002  the port's signature
        self.discards.append(discarded)
        return SendAttempted("delivered")


class PolledStream:
    """One table, its stream, and what the poller delivered.

    Args:
        endpoint: Where the table is made.
        directory: For the checkpoints.
    """

    def __init__(self, endpoint: DynamoDBEndpoint, directory: Path) -> None:
        self.dynamodb = endpoint.client()
        self.streams = cast(
            "DynamoDBStreamsClient",
            Session().create_client(
                "dynamodbstreams",
                endpoint_url=endpoint.url,
                region_name=REGION,
                aws_access_key_id=endpoint.keys.access_key_id,
                aws_secret_access_key=endpoint.keys.secret_access_key,
                config=ONE_ATTEMPT,
            ),
        )
        self.table = f"Users-{uuid4().hex[:8]}"
        self.destination = DiscardsInMemory()
        self.log = LogInMemory()
        self._directory = directory
        description = self.dynamodb.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        self.dynamodb.get_waiter("table_exists").wait(TableName=self.table, WaiterConfig={"Delay": 1})
        self.stream_arn = description.get("LatestStreamArn", "")
        # DynamoDB Local names a region of its own.
        self._function_arn = neighbour_arn(self.stream_arn, "lambda", f"function:{self.table}")
        self.function = InProcessFunction(self._function_arn, self.table)

    @contextmanager
    def polled(self, *, parallelization_factor: int = 1, maximum_retry_attempts: int = INFINITE) -> Generator[Delivery]:
        """Deliver for the time of the block, from the last block's checkpoint."""
        mapping = MappingSettings(
            uuid="polled",
            stream_arn=self.stream_arn,
            function_arn=self._function_arn,
            batch_size=10,
            parallelization_factor=parallelization_factor,
            maximum_retry_attempts=maximum_retry_attempts,
            bisect=True,
            report_batch_item_failures=True,
            destination_arn=f"arn:aws:sqs:{REGION}:000000000000:failures",
        )
        store = CheckpointFile(self._directory, mapping, Checkpoint)
        delivery = Delivery(mapping, FAST, store.load())
        reader = StreamsApiReader(lambda: self.streams, self.stream_arn)
        ports = StreamPorts(
            list_shards=reader.list_shards,
            read=reader.read,
            invoke=self.function.invoke,
            send_document=self.destination.send,
            save=store.save,
            log=self.log,
        )
        poller = Poller(delivery, ports, self.log)
        failures: list[Exception] = []

        def run() -> None:
            try:
                poller.run(grace_seconds=1)
            except Exception as error:  # noqa: BLE001  asserted below, in pytest's thread
                failures.append(error)

        thread = threading.Thread(target=run, name="poller")
        thread.start()
        try:
            yield delivery
        finally:
            poller.end()
            thread.join()
        assert failures == []

    def write(self, user_id: str, version: int, **attributes: str) -> None:
        """Put a user's item, and so a record into the stream."""
        texts = {"userId": user_id, "name": f"{user_id} {version}", "createdAt": "-", "updatedAt": "-", **attributes}
        item: dict[str, Any] = {name: {"S": text} for name, text in texts.items()}
        numbers = {"version": {"N": str(version)}, "schemaVersion": {"N": "1"}}
        self.dynamodb.put_item(TableName=self.table, Item=item | numbers)

    def delete(self, user_id: str) -> None:
        self.dynamodb.delete_item(TableName=self.table, Key={"userId": {"S": user_id}})

    def kept(self) -> dict[str, list[tuple[str, str | None]]]:
        """Return each user's history in order: the `kind` of each change, and the new name."""
        histories: dict[str, list[tuple[str, str | None]]] = {}
        for (user_id, _), item in sorted(self.function.processing.activity.items.items()):
            name = item["changes"]["M"].get("name", {}).get("M", {}).get("new", {}).get("S")
            histories.setdefault(user_id, []).append((item["kind"]["S"], name))
        return histories
