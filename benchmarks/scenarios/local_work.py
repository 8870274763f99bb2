"""The long works on a running local stack, each beside a loop that makes the same calls for one record at a time.

The stack's own poller rests meanwhile, so that nothing else is measured.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.paired import in_turn
from benchmarks.scenarios.measured_delivery import StreamUnderMeasure, first_seen, users_of_run
from delivery.decisions import DiscardedBatch
from delivery.failure_documents import document_text, failure_document
from delivery.records import Invocation, StreamRecord
from infra.components.change_stream import RESCUE_BATCH_SIZE
from local.state import LocalStack, clients_of
from local.stream_poller.aws_clients import RoleSession
from local.stream_poller.invocation import invoke_function
from ops.aws.tables import ActivityKey
from ops.dead_letters.message import ReplayableChange
from ops.dead_letters.replay import Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import Job
from ops.users.backfill import Backfill
from ops.users.backfill_records import backfill_change
from tests.support.local.ops_stack import services_of
from tests.support.ops.ops_in_memory import envelope

BATCH_SIZE = 100
RECORDS = 2_000
ONE_BY_ONE = 200
"""The first of the same records, for what takes calls for each. Table, stream and queue are as full for it: how long
the emulator takes for a call depends on that."""

ITEMS_PER_CALL = 25
MESSAGES_PER_CALL = 10

Samples = dict[str, list[float]]


class LocalWork:
    """Works on one stack that nothing else writes to.

    Args:
        stack: It.
        stream: Its stream.
        folder: For the works' own files.
    """

    def __init__(self, stack: LocalStack, stream: StreamUnderMeasure, folder: Path) -> None:
        self._stream = stream
        self._folder = folder
        self._outputs = stack.outputs
        self._services = services_of(stack)
        self._function = self._services.stream_function()
        self._activity = self._services.activity()
        clients = clients_of(stack)
        self._dynamodb, self._sqs, self._lambda = clients.dynamodb, clients.sqs, clients.lambda_
        rescue = clients.lambda_.get_function_configuration(
            FunctionName=stack.outputs.rescue_failed_batches_function_name
        )
        self._rescue_role = RoleSession(clients.sts, rescue["Role"], stack.region, stack.endpoint_url)
        streams: Any = self._services.client("dynamodbstreams")
        description: Any = streams.describe_stream(StreamArn=self._outputs.users_stream_arn)
        self._shard = {
            "StreamArn": self._outputs.users_stream_arn,
            "ShardId": description["StreamDescription"]["Shards"][-1]["ShardId"],
        }

    def poller(self, rounds: int) -> tuple[Samples, list[StreamRecord]]:
        """Seconds per batch: by the poller's own code, and invoked by hand with the same batches afterwards.

        Returns:
            The seconds, and the records of all rounds.
        """
        settings = replace(self._stream.mapping, batch_size=BATCH_SIZE, window_seconds=0, parallelization_factor=1)
        invoke = partial(invoke_function, self._lambda, settings.function_arn)
        samples: Samples = {"local poller": [], "by hand": []}
        records: list[StreamRecord] = []
        for number in range(rounds + 1):
            written = self._stream.write_at_once(users_of_run(f"poller-{number}", RECORDS))
            run = self._stream.deliver(settings, partial(dict[str, float], written), RECORDS)
            began = time.perf_counter()
            for invocation in run.invocations:
                invoke(invocation.records)
            by_hand = time.perf_counter() - began
            records += first_seen(run.invocations)
            if number:  # the first warms the function up
                samples["local poller"].append((run.ended - run.began) / len(run.invocations))
                samples["by hand"].append(by_hand / len(run.invocations))
        return samples, records

    def rescue(self, records: Sequence[StreamRecord], rounds: int) -> Samples:
        """Records per second from the stream, whole, to the dead-letter queue."""
        return in_turn(
            {
                "rescue": partial(self._timed, self._rescue, records),
                "one by one": partial(self._timed, self._rescue_one_by_one, records[:ONE_BY_ONE]),
            },
            rounds=rounds,
        )

    def replay(self, records: Sequence[StreamRecord], rounds: int) -> Samples:
        """Records per second from the dead-letter queue through the function, with proof in Activity."""
        fail = partial(self._fail, records)
        return in_turn(
            {
                "replay": partial(self._timed, self._replay, records, before=fail),
                "one by one": partial(self._timed, self._replay_one_by_one, records[:ONE_BY_ONE], before=fail),
            },
            rounds=rounds,
        )

    def backfill(self, rounds: int) -> Samples:
        """Users per second from before the stream into the history; the pause in every 5,000 users is left out."""
        for page in self._users():  # of the works before
            self._delete(self._outputs.users_table_name, [{"userId": user["userId"]} for user in page])
        self._stream.write_at_once(users_of_run("backfill", RECORDS))
        users = [user for page in self._users() for user in page]
        forget = partial(self._forget, users)
        return in_turn(
            {
                "backfill": partial(self._timed, self._backfill, users, before=forget),
                "one by one": partial(self._timed, self._backfill_one_by_one, users[:ONE_BY_ONE], before=forget),
            },
            rounds=rounds,
        )

    def _timed(
        self,
        work: Callable[[Sequence[Any]], None],
        records: Sequence[Any],
        before: Callable[[], None] | None = None,
    ) -> float:
        """Return how many records a second the work does."""
        if before is not None:
            before()
        began = time.perf_counter()
        work(records)
        speed = len(records) / (time.perf_counter() - began)
        self._sqs.purge_queue(QueueUrl=self._outputs.dead_letter_queue_url)
        return speed

    def _rescue(self, records: Sequence[StreamRecord]) -> None:
        documents = [self._document(records[at : at + BATCH_SIZE]) for at in range(0, len(records), BATCH_SIZE)]
        messages = [{"messageId": f"{number}", "body": body} for number, body in enumerate(documents)]
        # As many at a time as the failure queue's mapping gives it.
        for start in range(0, len(messages), RESCUE_BATCH_SIZE):
            event = {"Records": messages[start : start + RESCUE_BATCH_SIZE]}
            answer = self._lambda.invoke(
                FunctionName=self._outputs.rescue_failed_batches_function_name, Payload=json.dumps(event).encode()
            )
            said = json.loads(answer["Payload"].read())
            if said != {"batchItemFailures": []}:
                raise RuntimeError(f"the rescue did not take all of it: {said}")
        if (sent := self._services.dead_letter_queue().depth().total) != len(records):
            raise RuntimeError(f"the rescue sent {sent} of {len(records)} records")

    def _document(self, records: Sequence[StreamRecord]) -> str:
        discard = DiscardedBatch(
            records=tuple(records),
            condition="RetryAttemptsExhausted",
            invocations=4,
            last_invocation=Invocation(request_id="benchmark", function_error="Unhandled"),
            at=time.time(),
        )
        return document_text(failure_document(discard, self._shard["ShardId"], self._stream.mapping, "benchmark"))

    def _rescue_one_by_one(self, records: Sequence[StreamRecord]) -> None:
        # Under the function's role, whose policy the emulator looks up at each call of either.
        streams, sqs = self._rescue_role.client("dynamodbstreams"), self._rescue_role.client("sqs")
        iterator = streams.get_shard_iterator(
            **self._shard, ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=records[0].sequence_number
        )["ShardIterator"]
        for record in records:
            page = streams.get_records(ShardIterator=iterator, Limit=1)
            if page["Records"][0]["dynamodb"]["SequenceNumber"] != record.sequence_number:
                raise RuntimeError("the stream gave another record than the one that was due")
            iterator = page["NextShardIterator"]
            failed = envelope(json.loads(record.body))
            attributes = {"kind": failed.kind, "failureId": failed.failure_id}
            sqs.send_message(
                QueueUrl=self._outputs.dead_letter_queue_url,
                MessageBody=failed.to_json(),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )

    def _fail(self, records: Sequence[StreamRecord]) -> None:
        """Put the records into the dead-letter queue. That their effects are there already spares the works nothing."""
        for start in range(0, len(records), MESSAGES_PER_CALL):
            entries: Any = [
                {"Id": f"{position}", "MessageBody": envelope(json.loads(record.body)).to_json()}
                for position, record in enumerate(records[start : start + MESSAGES_PER_CALL])
            ]
            self._sqs.send_message_batch(QueueUrl=self._outputs.dead_letter_queue_url, Entries=entries)

    def _replay(self, records: Sequence[StreamRecord]) -> None:
        replay_db = ReplayDb(self._folder / "replay.sqlite")
        try:
            report = Replay(self._services, Selection(), replay_db, _work(), batch_size=BATCH_SIZE).run()
        finally:
            replay_db.close()
        if report.replayed != len(records):
            raise RuntimeError(f"the replay did {report.replayed} of {len(records)}: {report.error}")

    def _replay_one_by_one(self, records: Sequence[StreamRecord]) -> None:
        queue = self._outputs.dead_letter_queue_url
        for _ in records:
            message = self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", [])[0]
            self._send_one(json.loads(message.get("Body", ""))["record"])
            self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message.get("ReceiptHandle", ""))

    def _backfill(self, users: Sequence[Mapping[str, Any]]) -> None:
        checkpoint = self._folder / "checkpoint.json"
        report = Backfill(self._services, checkpoint, _work(), users_per_second=float("inf")).run()
        if report.error or report.checkpoint.backfilled != len(users):
            raise RuntimeError(f"of {len(users)} users {report.checkpoint.backfilled} came in: {report.error}")

    def _backfill_one_by_one(self, users: Sequence[Mapping[str, Any]]) -> None:
        request: Any = {"TableName": self._outputs.users_table_name, "Limit": 1}
        for _ in users:
            page = self._dynamodb.scan(**request)
            request["ExclusiveStartKey"] = page.get("LastEvaluatedKey")
            user: Any = page["Items"][0]
            if self._activity.kinds([user["userId"]["S"]]):
                raise RuntimeError(f"user {user['userId']['S']} has a history already")
            self._send_one(self._backfill_change(user).record)

    def _send_one(self, record: Any) -> None:
        """Have the function process one record, and see its item in Activity."""
        answer = self._function.invoke([record])
        change = ReplayableChange.of(record)
        if change is None or not self._activity.event_ids([ActivityKey(change.user_id, change.change_id)]):
            raise RuntimeError(f"the function did not process {record}: {answer}")

    def _backfill_change(self, user: Any) -> ReplayableChange:
        return backfill_change(user, self._outputs.users_stream_arn, self._outputs.region)

    def _users(self) -> list[list[Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._outputs.users_table_name)
        return [page["Items"] for page in pages]

    def _forget(self, users: Sequence[Any]) -> None:
        """Take the backfilled history of these users away."""
        changes = [self._backfill_change(user) for user in users]
        keys = [{"userId": {"S": change.user_id}, "changeId": {"S": change.change_id}} for change in changes]
        self._delete(self._outputs.activity_table_name, keys)

    def _delete(self, table: str, keys: Sequence[Any]) -> None:
        for start in range(0, len(keys), ITEMS_PER_CALL):
            requests: Any = {table: [{"DeleteRequest": {"Key": key}} for key in keys[start : start + ITEMS_PER_CALL]]}
            while requests:
                requests = self._dynamodb.batch_write_item(RequestItems=requests).get("UnprocessedItems")


def _work() -> Job:
    return Job(sleep=lambda _seconds: None)
