"""A stack's health in one object: what is measured, and what of it needs attention."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from functions.runtime.json_log import JsonObject
from ops.aws.cloudwatch import AlarmState, MappingState, Metric
from ops.aws.queues import QueueDepth
from ops.aws.services import Services
from ops.errors import CannotReachError, OpsError
from ops.output import camel_json, count
from ops.stack_outputs import LocalPoller

FUNCTION_METRICS = ("Invocations", "Errors", "Throttles")
"""In the order of FunctionHealth's fields."""

_Part = TypeVar("_Part")

GOOD_RESULTS = ("OK", "No records processed", "")
"""LastProcessingResult without a problem (Lambda API, "EventSourceMappingConfiguration")."""


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


@dataclass
class StackHealth:
    """What could be read."""

    environment: str
    region: str
    mapping: MappingState | None = None
    local_poller: LocalPoller | None = None  # on the stack local, in place of the mapping
    iterator_age_seconds: float | None = None
    queues: list[QueueHealth] = field(default_factory=list[QueueHealth])
    functions: list[FunctionHealth] = field(default_factory=list[FunctionHealth])
    alarms: list[AlarmState] = field(default_factory=list[AlarmState])
    unknown: list[str] = field(default_factory=list[str])  # what could not be read, and why
    delivery_errors: list[OpsError] = field(default_factory=list[OpsError])
    """Those of `unknown` that hide whether changes are delivered, and how late."""

    def attention(self) -> list[str]:
        """Return what needs attention, most urgent first."""
        return [
            *(f"alarm {alarm.name}: {alarm.reason}" for alarm in self.alarms if alarm.state == "ALARM"),
            *self.delivery_problems(),
            *(f"{queue.name}: {queue.content}" for queue in self.queues if queue.depth.total),
            *(
                f"{function.name}: {count(round(function.errors or 0), 'error')}, "
                f"{count(round(function.throttles or 0), 'throttle')}"
                for function in self.functions
                if function.errors or function.throttles
            ),
            *self.unknown,
        ]

    def delivery_problems(self) -> list[str]:
        """Return what keeps changes from being delivered."""
        if self.local_poller:
            return [] if self.local_poller.running else ["the local poller isn't running: nothing is delivered"]
        if self.mapping is None:
            # After an error it may exist: `unknown` says why it could not be read.
            return [] if self.delivery_errors else ["no event source mapping is known: nothing is delivered"]
        if self.mapping.state != "Enabled":
            return [f"the event source mapping is {self.mapping.state}"]
        if self.mapping.last_processing_result not in GOOD_RESULTS:
            return [f"the event source mapping says: {self.mapping.last_processing_result}"]
        return []

    def as_json(self) -> JsonObject:
        """Return the health as JSON."""
        attention = self.attention()
        return {
            "environment": self.environment,
            "region": self.region,
            "healthy": not attention,
            "attention": attention,
            "mapping": camel_json(self.mapping),
            "localPoller": camel_json(self.local_poller),
            "iteratorAgeSeconds": self.iterator_age_seconds,
            "queues": [
                {"name": queue.name, **camel_json(queue.depth), "oldestSeconds": queue.oldest_seconds}
                for queue in self.queues
            ],
            "functions": camel_json(self.functions),
            "alarms": camel_json(self.alarms),
        }


def read_health(services: Services) -> StackHealth:
    """Read what can be read, list the rest as unknown; a CannotReachError if nothing can be."""
    outputs = services.outputs
    monitoring = services.monitoring()
    health = StackHealth(outputs.environment, outputs.region, local_poller=services.local_poller)

    def read(part: Callable[[], _Part], default: _Part, *, of_delivery: bool = False) -> _Part:
        try:
            return part()
        except CannotReachError:
            raise
        except OpsError as error:
            health.unknown.append(error.message)
            if of_delivery:
                health.delivery_errors.append(error)
            return default

    stream, log_user_changes = outputs.users_stream_arn, outputs.log_user_changes_function_name
    health.mapping = read(lambda: monitoring.mapping(stream, log_user_changes), None, of_delivery=True)
    queues = [
        (services.dead_letter_queue(), "failed record", "waiting", "dlq list"),
        (services.failure_queue(), "pointer", "waiting for the rescue", "status --watch 10"),
        (services.redrive_queue(), "pointer", "that the rescue failed to process", "return-pointers"),
    ]
    functions = [
        outputs.register_user_function_name,
        outputs.manage_users_function_name,
        log_user_changes,
        outputs.rescue_failed_batches_function_name,
    ]
    iterator_age = _function_metric(log_user_changes, "IteratorAge")
    wanted = [
        *(_function_metric(function, name) for function in functions for name in FUNCTION_METRICS),
        iterator_age,
        *(_oldest_message(queue.name) for queue, *_ in queues),
    ]
    values = read(lambda: monitoring.metrics(wanted), {}, of_delivery=True)
    age = values.get(iterator_age)
    health.iterator_age_seconds = None if age is None else age / 1000
    for queue, message, state, next_command in queues:
        depth = read(queue.depth, None)
        if depth is not None:
            content = f"{count(depth.total, message)} {state}"
            oldest = values.get(_oldest_message(queue.name))
            health.queues.append(QueueHealth(queue.name, depth, oldest, content, next_command))
    health.functions = [
        FunctionHealth(function, *(values.get(_function_metric(function, name)) for name in FUNCTION_METRICS))
        for function in functions
    ]
    health.alarms = list(read(lambda: monitoring.alarms(outputs.environment), []))
    return health


def _function_metric(function: str, name: str) -> Metric:
    return Metric("AWS/Lambda", name, "FunctionName", function, "Maximum" if name == "IteratorAge" else "Sum")


def _oldest_message(queue: str) -> Metric:
    return Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue, "Maximum")
