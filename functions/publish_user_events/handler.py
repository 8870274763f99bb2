"""Lambda's entry for the batches of the consumer's queue."""

from collections.abc import Mapping, Sequence

from functions.consumers.runtime import (
    JsonObject,
    LambdaContext,
    StoredChange,
    UnprocessableChangeError,
    handle_change_batches,
)
from functions.publish_user_events.event_bus import EventBus
from functions.publish_user_events.user_event import FieldRules, UserEvent, user_event
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import read_flag, read_text
from functions.users.attributes import ATTRIBUTES

_DECLARED = frozenset(attribute.name for attribute in ATTRIBUTES)
_PERSONAL = frozenset(attribute.name for attribute in ATTRIBUTES if attribute.personal)


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Publish the changes of one batch; the answer names those to deliver again."""
    source, bus_name = read_text("USER_EVENTS_SOURCE"), read_text("USER_EVENTS_BUS")
    rules = FieldRules(_DECLARED, _PERSONAL, read_flag("USER_EVENTS_PERSONAL_DATA"))
    bus = EventBus(aws_clients.events(), bus_name)

    def publish(changes: Sequence[StoredChange]) -> Mapping[int, Exception]:
        events: dict[int, UserEvent] = {}
        failures: dict[int, Exception] = {}
        for position, change in enumerate(changes):
            try:
                events[position] = user_event(change, source, rules)
            except UnprocessableChangeError as error:
                failures[position] = error
        return failures | bus.put(events)

    return handle_change_batches(event, context, publish)
