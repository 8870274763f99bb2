"""A stack in memory for the operators' commands, with the real processing as the function."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.activity.items import change_id
from functions.dead_letters.envelope import FailedRecord, Kind, identify_record
from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.attribute_values import Image
from infra import consumers
from infra.consumers import log_user_changes
from infra.consumers.declaration import Consumer
from infra.outputs import StackOutputs
from ops.aws.cloudwatch import AlarmState, MappingState, Metric, Monitoring
from ops.aws.queues import EnvelopeStore
from ops.aws.services import Services
from ops.aws.tables import ActivityKey, ActivityReader, UsersPage, UsersReader
from ops.consumers import StackConsumer
from ops.errors import NotFoundError
from ops.stack_outputs import LocalPoller
from tests.support.ops.declared_consumers import failed_record, function_arn
from tests.support.ops.functions_in_memory import AnsweringFunction, FunctionInMemory
from tests.support.ops.queue_in_memory import Clock, QueueInMemory, StepLimit
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.records.record_processing_fakes import ActivityInMemory

QUEUES = "https://sqs.eu-west-1.amazonaws.com/000000000000"

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


class ActivityReaderInMemory(ActivityReader):
    """An `ActivityReader` over the items in memory."""

    def __init__(self, table: ActivityInMemory, step_limit: StepLimit) -> None:
        self._table = table
        self._step_limit = step_limit

    def event_ids(self, keys: Sequence[ActivityKey]) -> Mapping[ActivityKey, str]:
        self._step_limit.step()
        return {key: self._table.items[key]["eventId"]["S"] for key in keys if key in self._table.items}

    def kinds(self, user_ids: Sequence[str]) -> Mapping[str, set[str]]:
        self._step_limit.step()
        found: dict[str, set[str]] = {}
        for (user_id, _), item in self._table.items.items():
            if user_id in user_ids:
                found.setdefault(user_id, set()).add(item["kind"]["S"])
        return found

    def history(self, user_id: str) -> Iterator[Image]:
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
        source = OUTPUTS.users_stream_arn if function_name == OUTPUTS.log_user_changes_function_name else function_name
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
        self.objects: dict[str, str] = {}

    def fetch(self, location: str) -> str:
        try:
            return self.objects[location]
        except KeyError:
            raise NotFoundError(f"the failed record {location} doesn't exist (NoSuchKey)") from None

    def keep(self, location: str, text: str) -> None:
        self.objects[location] = text


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
        self.outputs = OUTPUTS
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


def envelope(
    record: Json, kind: Kind = "exhausted", reason: str = "the function failed 4 times", environment: str = "test"
) -> FailedRecord:
    """Return the envelope of a record on which an environment's log_user_changes failed."""
    identity = identify_record(record)
    return FailedRecord(
        failure_id=identity.failure_id,
        kind=kind,
        reason=reason,
        condition=None if kind == "permanent" else "RetryAttemptsExhausted",
        record=record,
        attempts=4,
        source_function=function_arn(log_user_changes.CONSUMER, environment),
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
