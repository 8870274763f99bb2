"""The parts of a stack's health: queues, functions, consumers, and what needs attention."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from infra.consumers.declaration import Source
from ops.aws.cloudwatch import MappingState, Metric
from ops.aws.queues import QueueDepth
from ops.health.streams import StreamHealth
from ops.output import age, count
from ops.stack_outputs import LocalMapping

FUNCTION_METRICS = ("Invocations", "Errors", "Throttles")
"""In the order of FunctionHealth's fields."""

GOOD_RESULTS = ("OK", "No records processed", "")
"""LastProcessingResult without a problem (Lambda API, "EventSourceMappingConfiguration")."""

LONGEST_WAIT_SECONDS = 300
"""A change that is older in a consumer's queue needs attention. Five minutes are the threshold of
prod's alarm on the stream's iterator age (iteratorAgeAlarmSeconds)."""


class Attention(NamedTuple):
    """Something that needs attention, and the command to run next, if there is one."""

    text: str
    next_command: str | None = None


@dataclass(frozen=True)
class QueueHealth:
    """One queue: why it has messages, and the command to run if there are any."""

    name: str
    depth: QueueDepth
    oldest_seconds: float | None
    content: str
    next_command: str


@dataclass(frozen=True)
class FunctionHealth:
    """One function in the last minutes; None where CloudWatch has no data."""

    name: str
    invocations: float | None
    errors: float | None
    throttles: float | None

    @classmethod
    def of(cls, name: str, values: Mapping[Metric, float]) -> "FunctionHealth":
        """Return the health of a function by CloudWatch's values."""
        return cls(name, *(values.get(function_metric(name, metric)) for metric in FUNCTION_METRICS))


@dataclass(frozen=True, kw_only=True)
class ConsumerHealth:
    """One declared consumer; None for what it doesn't have, or what could not be read."""

    consumer: str
    source: Source
    function: FunctionHealth | None
    """None if the stack's settings switch the consumer off."""
    mapping: MappingState | None = None
    stream: StreamHealth | None = None
    """Of a consumer of a stream."""
    iterator_age_seconds: float | None = None
    """Of a consumer of a stream."""
    queue: QueueHealth | None = None
    failure_queue: QueueHealth | None = None
    """Changes that the function could not even take, on their way to the rescue."""

    @property
    def late_seconds(self) -> float | None:
        """The age of the oldest change that it hasn't processed."""
        return self.queue.oldest_seconds if self.queue else self.iterator_age_seconds

    def attention(self) -> Iterator[Attention]:
        """Yield what needs attention, besides its mapping."""
        if self.queue and (self.queue.oldest_seconds or 0) > LONGEST_WAIT_SECONDS:
            waiting = age(self.queue.oldest_seconds or 0)
            yield Attention(f"{self.consumer}: {self.queue.content}, the oldest for {waiting}", self.queue.next_command)
        if self.failure_queue and self.failure_queue.depth.total:
            yield Attention(f"{self.consumer}: {self.failure_queue.content}", self.failure_queue.next_command)


def mapping_problem(mapping: MappingState) -> str | None:
    """Return what keeps a mapping from delivering, if anything does."""
    if mapping.state != "Enabled":
        return f"the event source mapping is {mapping.state}"
    if mapping.last_processing_result not in GOOD_RESULTS:
        return f"the event source mapping says: {mapping.last_processing_result}"
    return None


def local_mapping_problem(mapping: LocalMapping) -> str | None:
    """Return what keeps the local poller from delivering, if anything does."""
    if mapping.state == "delivering":
        return None
    return f"the local poller says {mapping.state}" + (f": {mapping.reason}" if mapping.reason else "")


def function_attention(function: FunctionHealth, consumer: str | None) -> Iterator[Attention]:
    """Yield a function's errors and throttles, named after its consumer if it has one."""
    if function.errors or function.throttles:
        errors, throttles = round(function.errors or 0), round(function.throttles or 0)
        of_consumer = f"{consumer}: " if consumer else ""
        yield Attention(
            f"{of_consumer}{function.name}: {count(errors, 'error')}, {count(throttles, 'throttle')}",
            f"dlq list --consumer {consumer}" if consumer else None,
        )


def function_metric(function: str, name: str) -> Metric:
    """Return one of Lambda's metrics of a function."""
    return Metric("AWS/Lambda", name, "FunctionName", function, "Maximum" if name == "IteratorAge" else "Sum")


def oldest_message(queue: str) -> Metric:
    """Return SQS's metric of the age of a queue's oldest message."""
    return Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue, "Maximum")
