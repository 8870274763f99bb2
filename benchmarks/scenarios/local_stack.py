"""The poller and the operators' jobs on a local stack, beside loops with one call per record.

The stack's own poller is suspended meanwhile, so that nothing else uses the processor.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.contestants import Samples, in_turn
from benchmarks.events import failed_record, pointer_document
from benchmarks.report import Measurement, ratios
from benchmarks.scenarios.growth import backfill_all, replay_once
from benchmarks.scenarios.measured_delivery import LocalStream, batch_write, local_stream, users_of_run
from delivery.records import StreamRecord, event_payload
from infra.components.change_stream import RESCUE_BATCH_SIZE
from infra.consumers import log_user_changes
from local.aws_clients import RoleSession
from local.event_source_mappings.function import invoke_function
from local.state import DIRECTORY_VARIABLE
from ops.aws.queues import OutgoingMessage
from ops.aws.services import Services
from ops.aws.tables import ActivityKey
from ops.dead_letters.record import ReplayableChange
from ops.stack_outputs import read_stack
from ops.users.backfill_records import backfill_change

ROUNDS = 3
BATCH_SIZE = 100
RECORDS_PER_ROUND = 2_000
RECORDS = 5_000
"""Of rescue and replay: so many that what a command does once hardly counts."""

ONE_BY_ONE = 200
"""The first of the same records. Table, stream and queue are equally full for both ways, because
the emulator's time for a call depends on that."""

Work = Callable[[Sequence[Any]], None]


def measure() -> list[Measurement]:
    """Measure everything on one stack, one after the other."""
    with local_stream() as stream:
        os.environ[DIRECTORY_VARIABLE] = str(stream.directory)
        poller, records = _poller(stream)
        speeds = JobsOnLocalStack(stream).speeds(records[-RECORDS:])
    return [
        *(
            Measurement(f"records/s, {job}", "one call per record", "at least", 10, ratios(samples, "one by one"))
            for job, samples in speeds.items()
        ),
        Measurement("local poller, seconds per batch", "invoked by hand", "at most", 1.2, ratios(poller, "by hand")),
    ]


def _poller(stream: LocalStream) -> tuple[Samples, list[StreamRecord]]:
    """Return the seconds per batch by the poller and by hand, and all delivered records."""
    settings = replace(stream.mapping, batch_size=BATCH_SIZE, window_seconds=0, parallelization_factor=1)
    samples: Samples = {"local poller": [], "by hand": []}
    records: list[StreamRecord] = []
    for number in range(ROUNDS + 1):
        stream.write_at_once(users_of_run(f"poller-{number}", RECORDS_PER_ROUND))
        run = stream.deliver(settings, RECORDS_PER_ROUND)
        began = time.perf_counter()
        for invocation in run.invocations:
            invoke_function(stream.clients.lambda_, settings.function_arn, event_payload(invocation.records))
        by_hand = time.perf_counter() - began
        records += run.records()
        if number:  # The first warms the function up.
            samples["local poller"].append(run.seconds / len(run.invocations))
            samples["by hand"].append(by_hand / len(run.invocations))
    return samples, records


class JobsOnLocalStack:
    """The jobs, and the loops beside them, on a stack that nothing else writes to."""

    def __init__(self, stream: LocalStream) -> None:
        self._stream = stream
        self._clients = stream.clients
        self._outputs = stream.stack.outputs
        self._services = Services(read_stack("local", None), profile=None)
        self._activity = self._services.activity()
        self._rescue_name = self._outputs.rescue_failed_batches_function_name
        rescue = self._clients.lambda_.get_function_configuration(FunctionName=self._rescue_name)
        stack = stream.stack
        self._rescue_role = RoleSession(self._clients.sts, rescue["Role"], stack.region, stack.endpoint_url)
        stream_arn = self._outputs.users_stream_arn
        described: Any = self._clients.dynamodbstreams.describe_stream(StreamArn=stream_arn)
        self._shard_id: str = described["StreamDescription"]["Shards"][-1]["ShardId"]

    def speeds(self, records: Sequence[StreamRecord]) -> dict[str, Samples]:
        """Return the records per second of each job and of its loop, given what a stream delivered.

        A rescue goes from the stream to the dead-letter queue, a replay from there to Activity, and
        a backfill gives users their INSERT. None pauses as its command does.
        """

        def dead_letter() -> None:
            # Their items are in Activity already, which makes no call faster.
            bodies = (failed_record(json.loads(record.body), self._outputs.environment).to_json() for record in records)
            self._services.dead_letter_queue().send([OutgoingMessage(body, {}) for body in bodies])

        speeds = {
            "rescue": self._compare(self._rescue, self._rescue_one_by_one, records),
            "replay": self._compare(self._replay, self._replay_one_by_one, records, dead_letter),
        }
        # Last, because it deletes the users of the others.
        self._delete(self._outputs.users_table_name, [{"userId": user["userId"]} for user in self._all_users()])
        self._stream.write_at_once(users_of_run("backfill", RECORDS_PER_ROUND))
        users = self._all_users()
        changes = map(self._backfill_change, users)
        keys = [{"userId": {"S": change.user_id}, "changeId": {"S": change.change_id}} for change in changes]
        forget = partial(self._delete, self._outputs.activity_table_name, keys)
        return speeds | {"backfill": self._compare(self._backfill, self._backfill_one_by_one, users, forget)}

    def _compare(
        self, job: Work, one_by_one: Work, records: Sequence[Any], before: Callable[[], None] = lambda: None
    ) -> Samples:
        def speed(work: Work, records: Sequence[Any]) -> float:
            before()
            began = time.perf_counter()
            work(records)
            records_per_second = len(records) / (time.perf_counter() - began)
            self._clients.sqs.purge_queue(QueueUrl=self._outputs.dead_letter_queue_url)
            return records_per_second

        ways = {"job": partial(speed, job, records), "one by one": partial(speed, one_by_one, records[:ONE_BY_ONE])}
        return in_turn(ways, rounds=ROUNDS)

    def _rescue(self, records: Sequence[StreamRecord]) -> None:
        batches = [records[at : at + BATCH_SIZE] for at in range(0, len(records), BATCH_SIZE)]
        pointers = [pointer_document(batch, self._stream.mapping, self._shard_id) for batch in batches]
        messages = [{"messageId": f"{number}", "body": body} for number, body in enumerate(pointers)]
        # As many at a time as the failure queue's mapping sends.
        for start in range(0, len(messages), RESCUE_BATCH_SIZE):
            event = json.dumps({"Records": messages[start : start + RESCUE_BATCH_SIZE]}).encode()
            response = self._clients.lambda_.invoke(FunctionName=self._rescue_name, Payload=event)
            answer = json.loads(response["Payload"].read())
            if answer != {"batchItemFailures": []}:
                raise RuntimeError(f"the rescue did not take all of it: {answer}")
        if (sent := self._services.dead_letter_queue().depth().total) != len(records):
            raise RuntimeError(f"the rescue sent {sent} of {len(records)} records")

    def _rescue_one_by_one(self, records: Sequence[StreamRecord]) -> None:
        # With the function's role, because the emulator evaluates its policy at each call.
        streams, sqs = self._rescue_role.client("dynamodbstreams"), self._rescue_role.client("sqs")
        iterator = streams.get_shard_iterator(
            StreamArn=self._outputs.users_stream_arn,
            ShardId=self._shard_id,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=records[0].sequence_number,
        )["ShardIterator"]
        for record in records:
            page = streams.get_records(ShardIterator=iterator, Limit=1)
            if page["Records"][0]["dynamodb"]["SequenceNumber"] != record.sequence_number:
                raise RuntimeError("the stream returned another record than the next one")
            iterator = page["NextShardIterator"]
            failed = failed_record(json.loads(record.body), self._outputs.environment)
            texts = {"kind": failed.kind, "failureId": failed.failure_id}
            attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
            queue = self._outputs.dead_letter_queue_url
            sqs.send_message(QueueUrl=queue, MessageBody=failed.to_json(), MessageAttributes=attributes)

    def _replay(self, records: Sequence[StreamRecord]) -> None:
        if (replayed := replay_once(self._services, self._stream.directory)) != len(records):
            raise RuntimeError(f"the replay did {replayed} of {len(records)}")

    def _replay_one_by_one(self, records: Sequence[StreamRecord]) -> None:
        queue = self._outputs.dead_letter_queue_url
        for _ in records:
            message = self._clients.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", [])[0]
            self._process_one(json.loads(message.get("Body", ""))["record"])
            self._clients.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message.get("ReceiptHandle", ""))

    def _backfill(self, users: Sequence[Mapping[str, Any]]) -> None:
        if (backfilled := backfill_all(self._services, self._stream.directory)) != len(users):
            raise RuntimeError(f"{backfilled} of {len(users)} users were backfilled")

    def _backfill_one_by_one(self, users: Sequence[Mapping[str, Any]]) -> None:
        request: Any = {"TableName": self._outputs.users_table_name, "Limit": 1}
        for _ in users:
            page = self._clients.dynamodb.scan(**request)
            request["ExclusiveStartKey"] = page.get("LastEvaluatedKey")
            user: Any = page["Items"][0]
            if self._activity.kinds([user["userId"]["S"]]):
                raise RuntimeError(f"user {user['userId']['S']} has a history already")
            self._process_one(self._backfill_change(user).record)

    def _process_one(self, record: Any) -> None:
        """Invoke the function with one record, and read its item in Activity."""
        answer = self._services.stream_function().invoke([record])
        change = ReplayableChange.of(record, log_user_changes.CONSUMER)
        if change is None or not self._activity.event_ids([ActivityKey(change.user_id, change.change_id)]):
            raise RuntimeError(f"the function did not process {record}: {answer}")

    def _backfill_change(self, user: Any) -> ReplayableChange:
        return backfill_change(user, self._outputs.users_stream_arn, self._outputs.region)

    def _delete(self, table: str, keys: Sequence[Any]) -> None:
        batch_write(self._clients.dynamodb, table, [{"DeleteRequest": {"Key": key}} for key in keys])

    def _all_users(self) -> list[Any]:
        pages = self._clients.dynamodb.get_paginator("scan").paginate(TableName=self._outputs.users_table_name)
        return [user for page in pages for user in page["Items"]]
