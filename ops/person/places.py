"""The places where a stack may hold data of a person, each once: what an export walks through.

`ops.person.elsewhere` has those that nobody can search for one person, such as backups.
docs/data.md has a row for each of both, and a test holds the page to them.
"""

from collections.abc import Iterator

from ops.aws.services import Services
from ops.person.place import Place
from ops.person.queues import ConsumerQueue, DeadLetters, Pointers
from ops.person.stored import ActivityItems, KeyItems, LargeRecords, UserItem


def places_of(services: Services) -> tuple[Place, ...]:
    """Return the places of one stack; a consumer that is switched off has none."""
    return tuple(_places(services))


def _places(services: Services) -> Iterator[Place]:
    yield UserItem(services)
    yield KeyItems(services)
    yield ActivityItems(services)
    yield Pointers("failure-queue", services.failure_queue(), services)
    yield Pointers("failure-redrive-queue", services.redrive_queue(), services)
    yield DeadLetters(services)
    yield LargeRecords(services)
    for consumer in services.consumers():
        if consumer.queue_url:
            yield ConsumerQueue("consumer-queue", services.queue_at(consumer.queue_url))
        if consumer.failure_queue_url:
            yield ConsumerQueue("consumer-failure-queue", services.queue_at(consumer.failure_queue_url))
