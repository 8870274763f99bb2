"""A stack's health in one object: what is measured, and what of it needs somebody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from functions.runtime.json_log import JsonObject
from ops.aws.cloudwatch import AlarmState, MappingState, Metric
from ops.aws.sqs import MessageQueue, QueueDepth
from ops.errors import CannotReachError, OpsError
from ops.output import count
from ops.services import LocalPoller, Services

_Part = TypeVar("_Part")

GOOD_RESULTS = ("OK", "No records processed", "")
"""What LastProcessingResult says when nothing is wrong (Lambda API reference, "EventSourceMappingConfiguration")."""


class QueuePurpose(NamedTuple):
    """What one of the queues is for."""

    message: str
    """What a message in it is."""
    state: str
    """What it does there."""
    next_command: str
    """What to type when there is one."""


@dataclass(frozen=True)
class QueueState:
    """One queue."""

    name: str
    purpose: QueuePurpose
    depth: QueueDepth
    oldest_seconds: float | None


@dataclass(frozen=True)
class FunctionState:
    """One function over the last minutes; None where CloudWatch has no figure."""

    name: str
    invocations: float | None
    errors: float | None
    throttles: float | None


@dataclass
class StackStatus:
    """All of it."""

    environment: str
    region: str
    mapping: MappingState | None = None
    poller: LocalPoller | None = None
    """Who delivers in place of the mapping, on the stack local."""
    iterator_age_seconds: float | None = None
    queues: list[QueueState] = field(default_factory=list[QueueState])
    functions: list[FunctionState] = field(default_factory=list[FunctionState])
    alarms: list[AlarmState] = field(default_factory=list[AlarmState])
    unknown: list[str] = field(default_factory=list[str])
    """What could not be read, and why."""
    delivery_unknown: list[OpsError] = field(default_factory=list[OpsError])
    """Why it can't be said whether changes are delivered, and how late; each is in `unknown` as well."""

    def attention(self) -> list[str]:
        """Return what needs somebody, the most urgent first."""
        return [
            *(f"alarm {alarm.name}: {alarm.reason}" for alarm in self.alarms if alarm.state == "ALARM"),
            *self.delivery_troubles(),
            *(f"{queue.name}: {_content(queue)}" for queue in self.queues if queue.depth.total),
            *(
                f"{function.name}: {count(round(function.errors or 0), 'error')}, "
                f"{count(round(function.throttles or 0), 'throttle')}"
                for function in self.functions
                if function.errors or function.throttles
            ),
            *self.unknown,
        ]

    def delivery_troubles(self) -> list[str]:
        """Return what keeps changes from being delivered."""
        if self.poller:
            return [] if self.poller.running else ["the local poller isn't running: nothing is delivered"]
        if self.mapping is None and self.delivery_unknown:
            return []  # It may be there: `unknown` says what keeps us from seeing it.
        if self.mapping is None:
            return ["no event source mapping is known: nothing is delivered"]
        if self.mapping.state != "Enabled":
            return [f"the event source mapping is {self.mapping.state}"]
        if self.mapping.last_result not in GOOD_RESULTS:
            return [f"the event source mapping says: {self.mapping.last_result}"]
        return []

    def next_commands(self) -> list[str]:
        """Return the commands that look into what waits in the queues."""
        return list(dict.fromkeys(queue.purpose.next_command for queue in self.queues if queue.depth.total))

    def as_json(self) -> JsonObject:
        """Return it with JSON's names."""
        attention = self.attention()
        return {
            "environment": self.environment,
            "region": self.region,
            "healthy": not attention,
            "attention": attention,
            "mapping": self.mapping
            and {
                "uuid": self.mapping.uuid,
                "state": self.mapping.state,
                "lastProcessingResult": self.mapping.last_result,
                "batchSize": self.mapping.batch_size,
            },
            "localPoller": self.poller and self.poller._asdict(),
            "iteratorAgeSeconds": self.iterator_age_seconds,
            "queues": [
                {
                    "name": queue.name,
                    "visible": queue.depth.visible,
                    "inFlight": queue.depth.in_flight,
                    "delayed": queue.depth.delayed,
                    "oldestSeconds": queue.oldest_seconds,
                }
                for queue in self.queues
            ],
            "functions": [
                {
                    "name": function.name,
                    "invocations": function.invocations,
                    "errors": function.errors,
                    "throttles": function.throttles,
                }
                for function in self.functions
            ],
            "alarms": [
                {
                    "name": alarm.name,
                    "state": alarm.state,
                    "reason": alarm.reason,
                    "since": alarm.since.isoformat(),
                }
                for alarm in self.alarms
            ],
        }


def read_status(services: Services) -> StackStatus:
    """Read all that can be read; what is denied or missing is said in its place.

    Raises:
        CannotReachError: There is no way to the stack at all.
    """
    outputs = services.outputs
    watch = services.watch()
    status = StackStatus(outputs.environment, outputs.region, poller=services.local_poller())

    def part(read: Callable[[], _Part], otherwise: _Part, *, of_delivery: bool = False) -> _Part:
        try:
            return read()
        except CannotReachError:
            raise
        except OpsError as error:
            status.unknown.append(error.message)
            if of_delivery:
                status.delivery_unknown.append(error)
            return otherwise

    status.mapping = part(
        lambda: watch.mapping(outputs.users_stream_arn, outputs.log_user_changes_function_name), None, of_delivery=True
    )
    queues = {
        QueuePurpose("failed record", "waiting", "dlq list"): services.dead_letters(),
        QueuePurpose("pointer", "waiting for the rescue", "status --watch 10"): services.failures(),
        QueuePurpose("pointer", "set aside by the rescue", "return-pointers"): services.set_aside_failures(),
    }
    functions = [
        outputs.register_user_function_name,
        outputs.manage_users_function_name,
        outputs.log_user_changes_function_name,
        outputs.rescue_failed_batches_function_name,
    ]
    figures = part(lambda: watch.metrics(_wanted(functions, list(queues.values()))), {}, of_delivery=True)
    age = figures.get(_iterator_age(outputs.log_user_changes_function_name))
    status.iterator_age_seconds = None if age is None else age / 1000
    for purpose, queue in queues.items():
        depth = part(queue.depth, None)
        if depth is not None:
            status.queues.append(QueueState(queue.name, purpose, depth, figures.get(_oldest(queue.name))))
    status.functions = [_function(name, figures) for name in functions]
    status.alarms = list(part(lambda: watch.alarms(outputs.environment), []))
    return status


def _content(queue: QueueState) -> str:
    return f"{count(queue.depth.total, queue.purpose.message)} {queue.purpose.state}"


def _wanted(functions: list[str], queues: list[MessageQueue]) -> list[Metric]:
    sums = [_sum(function, name) for function in functions for name in ("Invocations", "Errors", "Throttles")]
    return [*sums, _iterator_age(functions[2]), *(_oldest(queue.name) for queue in queues)]


def _sum(function: str, name: str) -> Metric:
    return Metric(namespace="AWS/Lambda", name=name, dimension="FunctionName", resource=function, statistic="Sum")


def _iterator_age(function: str) -> Metric:
    return Metric(
        namespace="AWS/Lambda", name="IteratorAge", dimension="FunctionName", resource=function, statistic="Maximum"
    )


def _oldest(queue: str) -> Metric:
    return Metric(
        namespace="AWS/SQS",
        name="ApproximateAgeOfOldestMessage",
        dimension="QueueName",
        resource=queue,
        statistic="Maximum",
    )


def _function(name: str, figures: Mapping[Metric, float]) -> FunctionState:
    return FunctionState(
        name,
        figures.get(_sum(name, "Invocations")),
        figures.get(_sum(name, "Errors")),
        figures.get(_sum(name, "Throttles")),
    )
