"""Consumers' functions in memory: the real processing of log_user_changes, and two that answer."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from functions.dead_letters.envelope import FailedRecord, SendOutcome
from functions.runtime.json_log import Json, JsonObject
from ops.aws.function import (
    ConsumerFunction,
    InvocationResult,
    message_id_of,
    read_batch_response,
    sequence_number_of,
)
from ops.dead_letters.record import carried_change
from tests.support.ops.queue_in_memory import QueueInMemory, StepLimit
from tests.support.records.record_processing_fakes import RETENTION_DAYS, ActivityInMemory, Processing


class DeadLetterSenderInMemory:
    """A `DeadLetterSender` to the queue in memory."""

    def __init__(self, queue: QueueInMemory) -> None:
        self._queue = queue

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        for failed in failed_records:
            self._queue.put(failed.to_json(), {"kind": failed.kind, "failureId": failed.failure_id})
        return SendOutcome(len(failed_records), None)


@dataclass
class FunctionInMemory(ConsumerFunction):
    """The real processing of a batch; tests choose what crashes it, and how it fails next."""

    table: ActivityInMemory
    queue: QueueInMemory
    step_limit: StepLimit
    crashing: set[str] = field(default_factory=set[str])
    """Sequence numbers of records that end the invocation with an exception."""
    troubles: list[str] = field(default_factory=list[str])
    """The next invocations' fate: busy, crash, late (processed, no response), throttle, none."""
    before: Callable[[], None] = lambda: None
    """Called at the start of each invocation."""
    invocations: list[list[JsonObject]] = field(default_factory=list[list[JsonObject]])

    def variable(self, name: str) -> str:
        self.step_limit.step()
        return {"ACTIVITY_RETENTION_DAYS": f"{RETENTION_DAYS}"}[name]

    def invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        self.step_limit.step()
        self.before()
        self.invocations.append(list(records))
        trouble = self.troubles.pop(0) if self.troubles else "none"
        if trouble == "busy":
            return InvocationResult(error="Lambda says TooManyRequestsException", busy=True)
        if trouble == "crash" or any(sequence_number_of(record) in self.crashing for record in records):
            return InvocationResult(error="the function failed: RuntimeError: told to")
        self.table.room_for = len(records) // 2 if trouble == "throttle" else None
        outcome = Processing(self.table, DeadLetterSenderInMemory(self.queue)).process(records)  # pyright: ignore[reportArgumentType]
        self.table.room_for = None
        self.step_limit.step()
        if trouble == "late":
            return InvocationResult(error="no answer: read time-out", busy=True)
        numbers = [sequence_number_of(record) for record in records]
        return read_batch_response(json.dumps(outcome.response()).encode(), numbers, in_order=True)


@dataclass
class AnsweringFunction(ConsumerFunction):
    """A consumer whose response is the proof; tests choose what it refuses and can't process now.

    `of_queue` says whether its records come from a queue, and are named by message id.
    """

    step_limit: StepLimit
    of_queue: bool = True
    refusing: dict[str, str] = field(default_factory=dict[str, str])
    """Reasons by the record's name."""
    failing: set[str] = field(default_factory=set[str])
    """Names of records that it can't process now."""
    crashing: set[str] = field(default_factory=set[str])
    troubles: list[str] = field(default_factory=list[str])
    """The next invocations' fate: busy, crash, late (processed, no response), none."""
    handled: Counter[str] = field(default_factory=Counter[str])
    """How often each record, by name, was processed."""
    order: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """User and name of what was processed, in order."""
    invocations: list[list[JsonObject]] = field(default_factory=list[list[JsonObject]])

    def name_of(self, record: JsonObject) -> str:
        return message_id_of(record) if self.of_queue else sequence_number_of(record)

    def invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        self.step_limit.step()
        self.invocations.append(list(records))
        trouble = self.troubles.pop(0) if self.troubles else "none"
        if trouble == "busy":
            return InvocationResult(error="Lambda says TooManyRequestsException", busy=True)
        names = [self.name_of(record) for record in records]
        if trouble == "crash" or self.crashing.intersection(names):
            return InvocationResult(error="the function failed: RuntimeError: told to")
        failures: list[str] = []
        stuck: set[str] = set()
        for record, name in zip(records, names, strict=True):
            user = user_of(record)
            if user in stuck or (failures and not self.of_queue):
                failures.append(name)
            elif name in self.refusing:
                continue
            elif name in self.failing:
                failures.append(name)
                stuck.add(user)
            else:
                self.handled[name] += 1
                self.order.append((user, name))
        self.step_limit.step()
        if trouble == "late":
            return InvocationResult(error="no answer: read time-out", busy=True)
        refused = {name: self.refusing[name] for name in names if name in self.refusing and name not in failures}
        answer: Json = {
            "batchItemFailures": [{"itemIdentifier": name} for name in (*failures, *refused)],
            "refused": refused,
        }
        return read_batch_response(json.dumps(answer).encode(), names, in_order=not self.of_queue)


def user_of(record: JsonObject) -> str:
    """Return the user of a queue's or a stream's record."""
    carried = carried_change(record)
    return str(carried.user_id) if carried else record["dynamodb"]["Keys"]["userId"]["S"]
