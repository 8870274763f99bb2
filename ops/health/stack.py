"""A stack's health: what is measured, and what of it needs attention."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from functions.runtime.json_log import Json, JsonObject
from infra.consumers.declaration import Source
from ops.aws.cloudwatch import AlarmState, MappingState
from ops.aws.queues import MessageQueue
from ops.aws.services import Services
from ops.consumers import StackConsumer
from ops.errors import CannotReachError, OpsError
from ops.health.parts import (
    FUNCTION_METRICS,
    Attention,
    ConsumerHealth,
    FunctionHealth,
    QueueHealth,
    function_attention,
    function_metric,
    local_mapping_problem,
    mapping_problem,
    oldest_message,
)
from ops.health.streams import StreamHealth, reconnecting_command
from ops.output import camel_json, count
from ops.stack_outputs import LocalMapping, LocalPoller, function_names

_Part = TypeVar("_Part")


@dataclass
class StackHealth:
    """What could be read."""

    environment: str
    region: str
    reconnecting_command: str  # what mends a stream that changes no longer come from
    local_poller: LocalPoller | None = None  # on the stack local, in place of the mappings
    consumers: list[ConsumerHealth] = field(default_factory=list[ConsumerHealth])
    rescue_mappings: list[MappingState] = field(default_factory=list[MappingState])
    queues: list[QueueHealth] = field(default_factory=list[QueueHealth])
    """Those that every stack has; the consumers' own are in `consumers`."""
    functions: list[FunctionHealth] = field(default_factory=list[FunctionHealth])
    alarms: list[AlarmState] = field(default_factory=list[AlarmState])
    unknown: list[str] = field(default_factory=list[str])  # what could not be read, and why
    delivery_errors: list[OpsError] = field(default_factory=list[OpsError])
    """Those of `unknown` that hide whether the history gets its changes, and how late."""

    @property
    def log_user_changes(self) -> ConsumerHealth | None:
        """The consumer that the history depends on."""
        return next((one for one in self.consumers if one.source is Source.USERS_STREAM), None)

    @property
    def mapping(self) -> MappingState | None:
        """The event source mapping from the Users stream."""
        return self.log_user_changes.mapping if self.log_user_changes else None

    @property
    def iterator_age_seconds(self) -> float | None:
        """How old the Users stream's changes are when they are delivered."""
        return self.log_user_changes.iterator_age_seconds if self.log_user_changes else None

    def attention(self) -> list[Attention]:
        """Return what needs attention, most urgent first."""
        return list(self._attention())

    def _attention(self) -> Iterator[Attention]:
        yield from (Attention(f"alarm {one.name}: {one.reason}") for one in self.alarms if one.state == "ALARM")
        yield from self._stream_attention()
        yield from map(Attention, self._mapping_problems())
        for consumer in self.consumers:
            if consumer.source is not Source.USERS_STREAM and (problem := self._problem_of(consumer)):
                yield Attention(f"{consumer.consumer}: {problem}", f"dlq list --consumer {consumer.consumer}")
        for source, problem in self._rescue_problems():
            yield Attention(f"the rescue of {source.rpartition(':')[2]}: {problem}")
        for consumer in self.consumers:
            yield from consumer.attention()
        for queue in self.queues:
            if queue.depth.total:
                yield Attention(f"{queue.name}: {queue.content}", queue.next_command)
        by_function = {one.function.name: one.consumer for one in self.consumers if one.function}
        for function in self.functions:
            yield from function_attention(function, by_function.get(function.name))
        yield from map(Attention, self.unknown)

    def _stream_attention(self) -> Iterator[Attention]:
        for consumer in self.consumers:
            if consumer.stream and (problem := consumer.stream.problem()):
                yield Attention(f"{consumer.consumer}: {problem}", self.reconnecting_command)

    def _problem_of(self, consumer: ConsumerHealth) -> str | None:
        if consumer.stream and consumer.stream.problem():
            return None  # said by itself
        if self.local_poller:
            return self.local_problem(consumer)
        return mapping_problem(consumer.mapping) if consumer.mapping else None

    def local_problem(self, consumer: ConsumerHealth) -> str | None:
        """Return what keeps the local poller from delivering to a consumer, if anything does."""
        name = consumer.function.name if consumer.function else ""
        mapping = self.local_poller.mapping_of(name) if self.local_poller else None
        return local_mapping_problem(mapping) if mapping else None

    def _rescue_problems(self) -> Iterator[tuple[str, str]]:
        """Yield the sources that the rescue doesn't get, and why."""
        if self.local_poller:
            found = ((mapping.source, local_mapping_problem(mapping)) for mapping in self.local_rescue_mappings)
        else:
            found = ((mapping.source, mapping_problem(mapping)) for mapping in self.rescue_mappings)
        yield from ((source, problem) for source, problem in found if problem)

    @property
    def local_rescue_mappings(self) -> list[LocalMapping]:
        """The poller's mappings that no consumer's function has."""
        functions = {consumer.function.name for consumer in self.consumers if consumer.function}
        return [one for one in self.local_poller.mappings if one.function not in functions] if self.local_poller else []

    def delivery_problems(self) -> list[str]:
        """Return what keeps changes from the history, and so from every consumer."""
        consumer = self.log_user_changes
        problem = consumer.stream.problem() if consumer and consumer.stream else None
        return [f"{consumer.consumer}: {problem}"] if consumer and problem else self._mapping_problems()

    def _mapping_problems(self) -> list[str]:
        """Return what keeps the Users stream's mapping from delivering."""
        if self.local_poller and not self.local_poller.running:
            return ["the local poller isn't running: nothing is delivered"]
        consumer = self.log_user_changes
        if consumer and consumer.stream and consumer.stream.problem():
            return []  # said by itself
        name = consumer.consumer if consumer else "the history"
        if self.local_poller:
            problem = self.local_problem(consumer) if consumer else None
            return [f"{name}: {problem}"] if problem else []
        if self.mapping is None:
            # After an error it may exist: `unknown` says why it could not be read.
            missing = f"{name}: no event source mapping is known: nothing is delivered"
            return [] if self.delivery_errors else [missing]
        problem = mapping_problem(self.mapping)
        return [f"{name}: {problem}"] if problem else []

    def as_json(self) -> JsonObject:
        """Return the health as JSON."""
        attention = self.attention()
        return {
            "environment": self.environment,
            "region": self.region,
            "healthy": not attention,
            "attention": [one.text for one in attention],
            "next": next_commands(attention),
            "mapping": camel_json(self.mapping),
            "localPoller": camel_json(self.local_poller),
            "iteratorAgeSeconds": self.iterator_age_seconds,
            "consumers": [_consumer_json(consumer) for consumer in self.consumers],
            "rescueMappings": camel_json(self.rescue_mappings),
            "queues": [_queue_json(queue) for queue in self.queues],
            "functions": camel_json(self.functions),
            "alarms": camel_json(self.alarms),
        }


def next_commands(attention: list[Attention]) -> list[str]:
    """Return the commands to run next, each once."""
    return list(dict.fromkeys(one.next_command for one in attention if one.next_command))


def _consumer_json(consumer: ConsumerHealth) -> JsonObject:
    return {
        "consumer": consumer.consumer,
        "function": consumer.function.name if consumer.function else None,
        "enabled": consumer.function is not None,
        "mapping": camel_json(consumer.mapping),
        "stream": camel_json(consumer.stream.stream) if consumer.stream else None,
        "iteratorAgeSeconds": consumer.iterator_age_seconds,
        "queue": _queue_json(consumer.queue),
        "failureQueue": _queue_json(consumer.failure_queue),
    }


def _queue_json(queue: QueueHealth | None) -> Json:
    return queue and {"name": queue.name, **camel_json(queue.depth), "oldestSeconds": queue.oldest_seconds}


@dataclass(frozen=True)
class _Watched:
    """A queue to read: what a message in it is, what becomes of it, and the command that helps."""

    queue: MessageQueue
    message: str
    state: str
    next_command: str


def read_health(services: Services) -> StackHealth:
    """Read what can be read, list the rest as unknown; a CannotReachError if nothing can be."""
    return _Reader(services).read()


class _Reader:
    """Reads one stack's health."""

    def __init__(self, services: Services) -> None:
        outputs = services.outputs
        self._services = services
        self._monitoring = services.monitoring()
        self._health = StackHealth(
            outputs.environment,
            outputs.region,
            reconnecting_command(services.source),
            local_poller=services.read_local_poller(),
        )

    def read(self) -> StackHealth:
        """Read all parts."""
        services, health = self._services, self._health
        consumers, functions = services.consumers(), function_names(services.outputs)
        common = [
            _Watched(services.dead_letter_queue(), "failed record", "waiting", "dlq list"),
            _Watched(services.failure_queue(), "pointer", "waiting for the rescue", "status --watch 10"),
            _Watched(services.redrive_queue(), "pointer", "that the rescue failed to process", "return-pointers"),
            *self._queues_of_mails(),
        ]
        of_consumers = {consumer.name: self._queues_of(consumer) for consumer in consumers}
        queues = [*common, *(watched for some in of_consumers.values() for watched in some)]
        wanted = [
            *(function_metric(function, name) for function in functions for name in FUNCTION_METRICS),
            *(function_metric(function, "IteratorAge") for function in map(_stream_function, consumers) if function),
            *(oldest_message(watched.queue.name) for watched in queues),
        ]
        values = self._try(lambda: self._monitoring.metrics(wanted), {}, of_history=True)

        def health_of(watched: _Watched) -> QueueHealth | None:
            depth = self._try(watched.queue.depth, None)
            if depth is None:
                return None
            content = f"{count(depth.total, watched.message)} {watched.state}"
            name = watched.queue.name
            return QueueHealth(name, depth, values.get(oldest_message(name)), content, watched.next_command)

        health.queues = [found for watched in common if (found := health_of(watched))]
        health.functions = [FunctionHealth.of(function, values) for function in functions]
        for consumer in consumers:
            function = consumer.function_name
            own = [health_of(watched) for watched in of_consumers[consumer.name]]
            iterator_age = values.get(function_metric(function, "IteratorAge")) if function else None
            mapping, stream = self._delivery(consumer)
            health.consumers.append(
                ConsumerHealth(
                    consumer=consumer.name,
                    source=consumer.declaration.source,
                    function=FunctionHealth.of(function, values) if function else None,
                    mapping=mapping,
                    stream=stream,
                    iterator_age_seconds=None if iterator_age is None else iterator_age / 1000,
                    queue=own[0] if own else None,
                    failure_queue=own[1] if own else None,
                )
            )
        rescue = services.outputs.rescue_failed_batches_function_name
        health.rescue_mappings = list(self._try(lambda: self._monitoring.mappings(rescue), []))
        health.alarms = list(self._try(lambda: self._monitoring.alarms(services.outputs.environment), []))
        return health

    def _queues_of_mails(self) -> list[_Watched]:
        """Return the queues of the mails about registrations, if the stack has neutral answers."""
        outputs = self._services.outputs
        waiting, unsent = outputs.registration_mails_queue_url, outputs.registration_mails_dead_letter_queue_url
        if waiting is None or unsent is None:
            return []
        queue_at = self._services.queue_at
        return [
            _Watched(queue_at(waiting), "registration", "waiting for its mail", "status --watch 10"),
            _Watched(queue_at(unsent), "registration", "that no mail could be sent about", "return-mails"),
        ]

    def _queues_of(self, consumer: StackConsumer) -> list[_Watched]:
        if consumer.queue_url is None or consumer.failure_queue_url is None:
            return []
        queue_at, listing = self._services.queue_at, f"dlq list --consumer {consumer.name}"
        failing = "that its function could not take, waiting for the rescue"
        return [
            _Watched(queue_at(consumer.queue_url), "change", "waiting", listing),
            _Watched(queue_at(consumer.failure_queue_url), "change", failing, "status --watch 10"),
        ]

    def _delivery(self, consumer: StackConsumer) -> tuple[MappingState | None, StreamHealth | None]:
        """Return the mapping that delivers to a consumer, and the stream that it has to read.

        Either is None, and `unknown` has the reason, if it isn't known.
        """
        function, source = consumer.function_name, consumer.declaration.source
        if function is None:
            return None, None
        of_history = source is Source.USERS_STREAM
        found = self._try(lambda: self._monitoring.mappings(function), None, of_history=of_history)
        if found is None:
            return None, None
        if not found and not of_history:
            self._health.unknown.append(f"{consumer.name}: no event source mapping is known: nothing is delivered")
        if consumer.declaration.has_queue:
            return (found[0] if found else None), None
        current = self._try(lambda: self._services.stream_of(source), None, of_history=of_history)
        if current is None:
            return (found[0] if found else None), None
        expected = self._services.outputs.users_stream_arn if of_history else None
        stream = StreamHealth(stream=current, source=source, mappings=found, expected_arn=expected)
        return stream.mapping, stream

    def _try(self, part: Callable[[], _Part], default: _Part, *, of_history: bool = False) -> _Part:
        try:
            return part()
        except CannotReachError:
            raise
        except OpsError as error:
            if error.message not in self._health.unknown:
                self._health.unknown.append(error.message)
            if of_history:
                self._health.delivery_errors.append(error)
            return default


def _stream_function(consumer: StackConsumer) -> str | None:
    return None if consumer.declaration.has_queue else consumer.function_name
