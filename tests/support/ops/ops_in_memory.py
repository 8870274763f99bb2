"""A stack in memory for the operators' commands, with the real processing as the function."""

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from functions.activity.closing_item import CLOSING_CHANGE_ID, is_erasure
from functions.activity.items import change_id
from functions.dead_letters.envelope import FailedRecord, Kind, StreamPointer, identify_record
from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.attribute_values import Image
from infra import consumers
from infra.consumers import log_user_changes
from infra.consumers.declaration import STREAM_VIEW_TYPES, Consumer, Source
from infra.outputs import StackOutputs
from ops.aws.cloudwatch import AlarmState, MappingState, Metric, Monitoring
from ops.aws.logs import LogGroups
from ops.aws.queues import EnvelopeStore, ObjectVersion, check_location
from ops.aws.retention import Retention
from ops.aws.services import Services
from ops.aws.streams import StreamReader, TableStream
from ops.aws.tables import ActivityKey, ActivityPage, ActivityReader, UsersPage, UsersReader
from ops.consumers import StackConsumer
from ops.errors import DeniedError, NotFoundError
from ops.job import in_batches
from ops.stack_outputs import LocalPoller
from tests.support.aws.aws_wire import Answer, Failure, Wire
from tests.support.ops.declared_consumers import failed_record, function_arn
from tests.support.ops.functions_in_memory import AnsweringFunction, FunctionInMemory
from tests.support.ops.person_tables_in_memory import PersonTablesInMemory
from tests.support.ops.queue_in_memory import Clock, QueueInMemory, StepLimit
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.records.record_processing_fakes import ActivityInMemory, read_envelope

_Read = TypeVar("_Read")

CHANGES_PER_PAGE = 4

QUEUES = "https://sqs.eu-west-1.amazonaws.com/000000000000"

OPERATOR = "arn:aws:sts::000000000000:assumed-role/Support/alice"
LONGEST_TIMEOUT = 60
"""Seconds."""

OUTPUTS = StackOutputs(
    environment="test",
    region="eu-west-1",
    api_url="https://api.example",
    website_url=None,
    users_table_name="Users-test",
    user_keys_table_name="UserKeys-test",
    activity_table_name="Activity-test",
    users_stream_arn="arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test/stream/2026-11-24T00:00:00.000",
    user_changes_topic_arn="arn:aws:sns:eu-west-1:000000000000:UserChanges-test.fifo",
    register_user_function_name="RegisterUserFunction-test",
    manage_users_function_name="ManageUsersFunction-test",
    log_user_changes_function_name="LogUserChangesFunction-test",
    fan_out_user_changes_function_name="FanOutUserChangesFunction-test",
    rescue_failed_batches_function_name="RescueFailedBatchesFunction-test",
    failure_queue_url=f"{QUEUES}/UserChangesFailureQueue-test",
    dead_letter_queue_url=f"{QUEUES}/UserChangesDeadLetterQueue-test",
    failed_records_bucket_name="userstream-failures-test-use1-000000000000",
    dashboard_url="https://eu-west-1.console.aws.amazon.com/cloudwatch/home#dashboards/dashboard/userstream-test",
)

ACTIVITY_STREAM_ARN = "arn:aws:dynamodb:eu-west-1:000000000000:table/Activity-test/stream/2026-11-24T00:00:00.000"
MAPPED_STREAMS = {
    OUTPUTS.log_user_changes_function_name: OUTPUTS.users_stream_arn,
    OUTPUTS.fan_out_user_changes_function_name: ACTIVITY_STREAM_ARN,
}
"""What the event source mappings of the streams' consumers read, by function."""


class ActivityReaderInMemory(ActivityReader):
    """An `ActivityReader` over the items in memory."""

    def __init__(self, table: ActivityInMemory, step_limit: StepLimit) -> None:
        self._table = table
        self._step_limit = step_limit

    def event_ids(self, keys: Sequence[ActivityKey]) -> Mapping[ActivityKey, str]:
        self._step_limit.step()
        return {key: self._table.items[key].get("eventId", {}).get("S", "") for key in keys if key in self._table.items}

    def erased(self, user_ids: Sequence[str]) -> frozenset[str]:
        self._step_limit.step()
        closing = {user_id: self._table.items.get((user_id, CLOSING_CHANGE_ID), {}) for user_id in user_ids}
        return frozenset(user_id for user_id, item in closing.items() if is_erasure(item))

    def kinds(self, user_ids: Sequence[str]) -> Mapping[str, set[str]]:
        self._step_limit.step()
        found: dict[str, set[str]] = {}
        for (user_id, _), item in self._table.items.items():
            if user_id in user_ids:
                found.setdefault(user_id, set()).update([item["kind"]["S"]] if "kind" in item else [])
        return found

    def each_history(self, user_ids: Sequence[str], read: Callable[[Iterable[Image]], _Read]) -> list[_Read]:
        parts: list[_Read] = []
        for batch in in_batches(user_ids, 2):
            self._step_limit.step()
            parts.append(read([item for (user_id, _), item in self._table.items.items() if user_id in batch]))
        return parts

    def page(self, after: ActivityKey | None) -> ActivityPage:
        self._step_limit.step()
        rest = [key for key in sorted(self._table.items) if after is None or key > after]
        page, more = rest[:CHANGES_PER_PAGE], len(rest) > CHANGES_PER_PAGE
        return ActivityPage([self._table.items[key] for key in page], ActivityKey(*page[-1]) if more else None)

    def items(self, user_id: str) -> Iterator[Image]:
        self._step_limit.step()
        for key in sorted(self._table.items, reverse=True):
            if key[0] == user_id:
                yield self._table.items[key]


class UsersInMemory(UsersReader):
    """A `UsersReader` of a few users a page; `before` is called ahead of each page."""

    def __init__(self, step_limit: StepLimit) -> None:
        self.items: dict[str, Image] = {}
        self.before: Callable[[], None] = lambda: None
        self._step_limit = step_limit

    def get(self, user_id: str) -> Image | None:
        self._step_limit.step()
        return self.items.get(user_id)

    def images(self, user_ids: Iterable[str], attributes: Sequence[str] = ()) -> dict[str, Image]:
        self._step_limit.step()
        self.before()
        found = {user_id: self.items[user_id] for user_id in user_ids if user_id in self.items}
        if not attributes:
            return found
        names = {"userId", *attributes}
        return {id_: {name: image[name] for name in names & image.keys()} for id_, image in found.items()}

    def page(self, after: str | None) -> UsersPage:
        self._step_limit.step()
        self.before()
        rest = [user_id for user_id in sorted(self.items) if after is None or user_id > after]
        page, more = rest[:3], len(rest) > 3
        return UsersPage([self.items[user_id] for user_id in page], page[-1] if more else None)


@dataclass
class MonitoringInMemory(Monitoring):
    """A `Monitoring` that returns what a test sets."""

    state: str = "Enabled"
    last_result: str = "OK"
    figures: dict[str, float] = field(default_factory=dict[str, float])
    """Values by the metric's name and resource: `IteratorAge LogUserChangesFunction-test`."""
    alarm_states: list[AlarmState] = field(default_factory=list[AlarmState])

    states: dict[str, str] = field(default_factory=dict[str, str])
    """States of mappings other than `state`, by function."""

    def mappings(self, function_name: str) -> Sequence[MappingState]:
        state = self.states.get(function_name, self.state)
        source = MAPPED_STREAMS.get(function_name, function_name)
        return [
            MappingState(uuid="m", state=state, last_processing_result=self.last_result, batch_size=100, source=source)
        ]

    def metrics(self, wanted: Sequence[Metric]) -> Mapping[Metric, float]:
        return {
            metric: self.figures[key]
            for metric in wanted
            if (key := f"{metric.name} {metric.resource}") in self.figures
        }

    def alarms(self, environment: str) -> Sequence[AlarmState]:
        assert environment == OUTPUTS.environment
        return self.alarm_states


class EnvelopesInMemory(EnvelopeStore):
    """An `EnvelopeStore`."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        """Objects that S3 denies, or that don't exist for a caller who may not list the bucket."""
        self.objects: dict[str, str] = {}
        self.older: dict[ObjectVersion, str] = {}
        """Versions that were replaced or deleted, if the bucket is versioned."""

    def fetch(self, location: str) -> str:
        check_location(location, OUTPUTS.failed_records_bucket_name)
        return self._object(location)

    def _object(self, location: str) -> str:
        if location in self.denied:
            raise DeniedError(f"Denied: s3:GetObject on the failed record {location}.")
        try:
            return self.objects[location]
        except KeyError:
            raise NotFoundError(f"the failed record {location} doesn't exist (NoSuchKey)") from None

    def versions(self) -> Iterator[ObjectVersion]:
        bucket = OUTPUTS.failed_records_bucket_name
        prefix = f"s3://{bucket}/"
        yield from [ObjectVersion(bucket, one.removeprefix(prefix), "null") for one in sorted(self.objects)]
        yield from list(self.older)

    def fetch_version(self, version: ObjectVersion) -> str:
        return self.older[version] if version in self.older else self._object(f"s3://{version.bucket}/{version.key}")

    def delete_version(self, version: ObjectVersion) -> None:
        if self.older.pop(version, None) is None:
            self.objects.pop(f"s3://{version.bucket}/{version.key}", None)

    def keep(self, location: str, text: str) -> None:
        check_location(location, OUTPUTS.failed_records_bucket_name)
        self.objects[location] = text


class StreamsInMemory(StreamReader):
    """A `StreamReader` over the records that the streams still have, by shard."""

    def __init__(self) -> None:
        self.shards: dict[str, list[JsonObject]] = {}

    def records(self, pointer: StreamPointer) -> list[Json]:
        if pointer.shard_id not in self.shards:
            raise NotFoundError(f"{pointer.shard_id} of {pointer.stream_arn}: gone")
        first, last = int(pointer.start_sequence_number), int(pointer.end_sequence_number)
        return [
            record
            for record in self.shards[pointer.shard_id]
            if first <= int(record["dynamodb"]["SequenceNumber"]) <= last
        ]


class RetentionInMemory(Retention):
    """A `Retention` of the days that a test sets, by table, log group or archive."""

    def __init__(self) -> None:
        self.days: dict[str, int | None] = {}

    def recovery_days(self, table: str) -> int | None:
        return self.days.get(table)

    def log_days(self, group: str) -> int | None:
        if group not in self.days:
            raise NotFoundError(f"the log group {group} doesn't exist")
        return self.days[group]

    def archive_days(self, name: str) -> int | None:
        return self.days[name]


class LogsOnTheWire:
    """CloudWatch Logs as far as `ops trace` asks it, answered on the wire."""

    def __init__(self) -> None:
        self.groups: dict[str, list[tuple[float, str]]] = {}
        """Times and texts of each group's lines; a group that isn't there doesn't exist."""
        self.reads_patterns = True
        """False: every pattern finds every line, as in the emulator."""
        self.page_lines = 2

    @cached_property
    def wire(self) -> Wire:
        """Where the requests arrive."""
        return Wire("logs", self._answer)

    def write(self, group: str, at: float, line: JsonObject | str) -> None:
        self.groups.setdefault(group, []).append((at, line if isinstance(line, str) else json.dumps(line)))

    def _answer(self, request: JsonObject) -> Answer:
        if request["logGroupName"] not in self.groups:
            return Failure("ResourceNotFoundException")
        found = [
            {"timestamp": int(at * 1000), "message": text, "logStreamName": "s"}
            for at, text in sorted(self.groups[request["logGroupName"]])
            if request["startTime"] <= at * 1000 <= request["endTime"]
            and (not self.reads_patterns or self._matches(request["filterPattern"], text))
        ]
        start = int(request.get("nextToken", 0))
        end = start + self.page_lines
        more = {"nextToken": str(end)} if end < len(found) else {}
        return {"events": found[start:end], **more}

    @staticmethod
    def _matches(pattern: str, text: str) -> bool:
        if pattern.startswith('"'):
            return pattern.strip('"') in text
        wanted = re.findall(r'\$\.(\w+) = "([^"*]+)(\*?)"', pattern)
        assert wanted
        assert re.sub(r'\$\.\w+ = "[A-Za-z0-9+/=_-]+\*?"', "?", pattern) in {
            "{ ? }",
            "{ " + " || ".join(["(?)"] * len(wanted)) + " }",
        }
        try:
            line = json.loads(text)
        except ValueError:
            return False
        return any(
            str(line.get(name, "")).startswith(value) if wildcard else line.get(name) == value
            for name, value, wildcard in wanted
        )


class StackInMemory(Services):
    """All of it; a `Services`."""

    def __init__(self, choice: random.Random | None = None) -> None:
        self.clock = Clock()
        self.step_limit = StepLimit()
        choice = choice or random.Random(0)  # noqa: S311  a test's dice
        self.queue = QueueInMemory("UserChangesDeadLetterQueue-test", self.clock, self.step_limit, choice)
        self.failures = QueueInMemory("UserChangesFailureQueue-test", self.clock, self.step_limit, choice)
        self.redriven = QueueInMemory("UserChangesFailureRedriveQueue-test", self.clock, self.step_limit, choice)
        self.queues: dict[str, QueueInMemory] = {}
        """The consumers' own, by name."""
        self.table = ActivityInMemory()
        self.user_table = UsersInMemory(self.step_limit)
        self.keys: dict[str, str] = {}
        self.monitored = MonitoringInMemory()
        self.function = FunctionInMemory(self.table, self.queue, self.step_limit)
        self.answering: dict[str, AnsweringFunction] = {}
        """The functions of the other consumers, by the consumer's name."""
        self.switched_off: set[str] = set()
        """Consumers that this stack's settings switch off."""
        self.store = EnvelopesInMemory()
        self.stream = StreamsInMemory()
        self.kept = RetentionInMemory()
        self.log_lines = LogsOnTheWire()
        self.outputs = OUTPUTS
        self.table_streams = {
            source: TableStream(arn.split("/")[1], arn, STREAM_VIEW_TYPES[source])
            for source, arn in zip(STREAM_VIEW_TYPES, MAPPED_STREAMS.values(), strict=True)
        }
        self.source = "--stack test"
        self.local_poller: LocalPoller | None = None

    def read_local_poller(self) -> LocalPoller | None:
        return self.local_poller

    def dead_letter_queue(self) -> QueueInMemory:
        return self.queue

    def failure_queue(self) -> QueueInMemory:
        return self.failures

    def redrive_queue(self) -> QueueInMemory:
        return self.redriven

    def users(self) -> UsersInMemory:
        return self.user_table

    def queue_at(self, url: str) -> QueueInMemory:
        name = url.rpartition("/")[2]
        queue = QueueInMemory(name, self.clock, self.step_limit, random.Random(0))  # noqa: S311  a test's dice
        return self.queues.setdefault(name, queue)

    def user_keys(self) -> UserKeysInMemory:
        return UserKeysInMemory(self.keys, self.user_table.items.get, self.step_limit.step)

    def person_tables(self) -> PersonTablesInMemory:
        return PersonTablesInMemory(self.user_table.items, self.keys, self.table.items, self.step_limit)

    def caller_arn(self) -> str:
        return OPERATOR

    def longest_timeout(self) -> int:
        return LONGEST_TIMEOUT

    def streams(self) -> StreamsInMemory:
        return self.stream

    def logs(self) -> LogGroups:
        return LogGroups(self.log_lines.wire.client)

    def retention(self) -> RetentionInMemory:
        return self.kept

    def stream_of(self, source: Source) -> TableStream:
        return self.table_streams[source]

    def monitoring(self) -> MonitoringInMemory:
        return self.monitored

    def envelopes(self) -> EnvelopesInMemory:
        return self.store

    def consumers(self) -> tuple[StackConsumer, ...]:
        return tuple(self._consumer(declaration) for declaration in consumers.CONSUMERS)

    def _consumer(self, declaration: Consumer) -> StackConsumer:
        if declaration.logical_name in self.switched_off:
            return StackConsumer(declaration=declaration, function_name=None)
        return StackConsumer(
            declaration=declaration,
            function_name=declaration.function_name(OUTPUTS.environment),
            queue_url=f"{QUEUES}/{declaration.queue_name(OUTPUTS.environment)}" if declaration.has_queue else None,
            failure_queue_url=f"{QUEUES}/{declaration.failure_queue_name(OUTPUTS.environment)}"
            if declaration.has_queue
            else None,
        )

    def stream_function(self) -> FunctionInMemory:
        return self.function

    def consumer_function(self, consumer: StackConsumer) -> FunctionInMemory | AnsweringFunction:
        return (
            self.stream_function() if consumer.is_proven_by_activity else self.answering_function(consumer.declaration)
        )

    def answering_function(self, consumer: Consumer) -> AnsweringFunction:
        """Return the function of a consumer whose response is the proof."""
        function = AnsweringFunction(self.step_limit, of_queue=consumer.has_queue)
        return self.answering.setdefault(consumer.logical_name, function)

    def activity(self) -> ActivityReaderInMemory:
        return ActivityReaderInMemory(self.table, self.step_limit)

    def fail(self, record: Json, kind: Kind = "exhausted", reason: str = "the function failed 4 times") -> str:
        """Put a record's envelope into the dead-letter queue; return its failure id."""
        return self.put(envelope(record, kind, reason))

    def fail_in(
        self, consumer: Consumer, record: JsonObject, kind: Kind = "exhausted", reason: str = "RuntimeError"
    ) -> str:
        """Put a record on which another consumer failed into the queue; return its failure id."""
        return self.put(failed_record(record, consumer, kind, reason))

    def put(self, failed: FailedRecord) -> str:
        """Put an envelope into the dead-letter queue; return its failure id."""
        self.queue.put(failed.to_json(), {"kind": failed.kind, "failureId": failed.failure_id})
        return failed.failure_id

    def restart(self, steps: int | None = None) -> None:
        """Begin a new process, which may take so many steps."""
        self.step_limit.steps = steps


def of_stack(failed: FailedRecord, outputs: StackOutputs) -> FailedRecord:
    """Return the envelope of the stack in memory as that of another stack, of a change of now."""
    own, others = OUTPUTS.users_stream_arn, outputs.users_stream_arn
    text = failed.to_json()
    for ours, theirs in (
        (":".join(own.split(":")[3:5]), ":".join(others.split(":")[3:5])),
        (own.rpartition("/")[2], others.rpartition("/")[2]),
        (f"table/{OUTPUTS.users_table_name}/", f"table/{outputs.users_table_name}/"),
        (f"table/{OUTPUTS.activity_table_name}/", f"table/{outputs.activity_table_name}/"),
        (f"Function-{OUTPUTS.environment}", f"Function-{outputs.environment}"),
        (f"Queue-{OUTPUTS.environment}.fifo", f"Queue-{outputs.environment}.fifo"),
    ):
        text = text.replace(ours, theirs)
    moved = read_envelope(text)
    if "dynamodb" in moved.record:
        moved.record["dynamodb"]["ApproximateCreationDateTime"] = int(time.time())
    return moved


def envelope(record: Json, kind: Kind = "exhausted", reason: str = "the function failed 4 times") -> FailedRecord:
    """Return the envelope of a record on which log_user_changes failed."""
    identity = identify_record(record)
    return FailedRecord(
        failure_id=identity.failure_id,
        kind=kind,
        reason=reason,
        condition=None if kind == "permanent" else "RetryAttemptsExhausted",
        record=record,
        attempts=4,
        source_function=function_arn(log_user_changes.CONSUMER),
        event_source_arn=identity.event_source_arn,
        shard_id="shardId-00000001795478400000-0badcafe",
        sequence_number=identity.sequence_number,
        user_id=identity.user_id,
        first_failed_at="2026-11-24T11:00:00.000Z",
        last_failed_at="2026-11-24T11:00:03.000Z",
    )


def activity_key(record: JsonObject) -> ActivityKey:
    """Return the key of a good record's item in Activity."""
    body: dict[str, Any] = record["dynamodb"]
    return ActivityKey(body["Keys"]["userId"]["S"], change_id(body["SequenceNumber"]))


def sent_records(queue: QueueInMemory) -> list[Json]:
    """Return the records of all envelopes in a queue."""
    return [json.loads(body)["record"] for body in queue.bodies()]
