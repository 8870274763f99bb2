"""What a declared consumer must have in a stack, part by part, each with a name."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from infra.consumers.declaration import Consumer, Source
from tests.support.stack.recorded_stack import RecordedStack

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One resource that a consumer must have: what it is, its type and its name in the program."""

    what: str
    type: str
    name: str

    def is_in(self, stack: RecordedStack) -> bool:
        return any((each.type, each.name) == (self.type, self.name) for each in stack.resources)

    def removed_from(self, stack: RecordedStack) -> RecordedStack:
        """Return the stack without this part."""
        kept = [each for each in stack.resources if (each.type, each.name) != (self.type, self.name)]
        assert len(kept) == len(stack.resources) - 1
        return replace(stack, resources=kept)


def parts_of(consumer: Consumer) -> list[Part]:
    """Return every part of a consumer."""
    delivery = _queue_parts(consumer) if consumer.has_queue else _stream_parts(consumer)
    return [*_function_parts(consumer), *delivery]


def missing(stack: RecordedStack, consumer: Consumer) -> list[str]:
    """Return a sentence for each part that a consumer lacks in a stack."""
    return [sentence(consumer, part) for part in parts_of(consumer) if not part.is_in(stack)]


def sentence(consumer: Consumer, part: Part) -> str:
    """Return what is wrong if a consumer lacks a part."""
    return f"{consumer.logical_name} has no {part.what} ({part.name})"


def _function_parts(consumer: Consumer) -> Iterator[Part]:
    name = consumer.logical_name
    yield Part(what="function", type="aws:lambda/function:Function", name=name)
    yield Part(what="alias", type="aws:lambda/alias:Alias", name=f"{name}-live")
    yield Part(what="role", type="aws:iam/role:Role", name=f"{name}-role")
    yield Part(what="policy of its role", type="aws:iam/rolePolicy:RolePolicy", name=f"{name}-policy")
    yield Part(what="log group", type="aws:cloudwatch/logGroup:LogGroup", name=f"{name}-log")
    for alarm in ("Errors", "Throttles", "Duration"):
        yield Part(what=f"{alarm} alarm", type=ALARM, name=f"{consumer.prefix}{alarm}")


def _stream_parts(consumer: Consumer) -> Iterator[Part]:
    prefix = "" if consumer.source is Source.USERS_STREAM else consumer.prefix
    yield Part(what="event source mapping", type=MAPPING, name=consumer.source.value)
    for alarm in ("StreamNotPolled", "WritesNotPolled", "IteratorAge", "DestinationDeliveryFailures"):
        yield Part(what=f"{alarm} alarm", type=ALARM, name=f"{prefix}{alarm}")


def _queue_parts(consumer: Consumer) -> Iterator[Part]:
    name = consumer.logical_name
    yield Part(what="queue", type=QUEUE, name=f"{name}-queue")
    yield Part(what="policy of its queue", type=QUEUE_POLICY, name=f"{name}-queue")
    yield Part(what="failure queue", type=QUEUE, name=f"{name}-failure-queue")
    yield Part(what="policy of its failure queue", type=QUEUE_POLICY, name=f"{name}-failure-queue")
    for queue in ("queue", "failure-queue"):
        yield Part(
            what=f"list of the queues that may redrive to its {queue}",
            type="aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
            name=f"{name}-{queue}-sources",
        )
    yield Part(what="subscription", type="aws:sns/topicSubscription:TopicSubscription", name=name)
    yield Part(what="event source mapping", type=MAPPING, name=f"{name}-queue")
    yield Part(what="rescue of its failure queue", type=MAPPING, name=f"{name}-failure-queue")
    for alarm in ("QueueAge", "FailureQueueAge"):
        yield Part(what=f"{alarm} alarm", type=ALARM, name=f"{consumer.prefix}{alarm}")
