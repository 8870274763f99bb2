"""The consumers of users' changes: one list, and a declaration per consumer.

`CONSUMERS` is the list. From a declaration follow the function, its role, its delivery and failure
destination, its alarms, its row of the dashboard, its outputs, its delivery on a laptop and its
place in `python -m ops` (docs/extending.md). Nothing here creates a resource, so tools read it too.
"""

from infra.consumers import (
    fan_out_user_changes,
    log_user_changes,
    publish_user_events,
)
from infra.consumers.declaration import Consumer
from infra.settings.model import StackSettings

CONSUMERS: tuple[Consumer, ...] = (
    log_user_changes.CONSUMER,
    fan_out_user_changes.CONSUMER,
    publish_user_events.CONSUMER,
)


def enabled_consumers(settings: StackSettings) -> list[Consumer]:
    """Return the consumers that a stack with these settings has, in the order of the list."""
    return [consumer for consumer in CONSUMERS if consumer.enabled(settings)]


def consumer_of_function(function: str, environment: str) -> Consumer | None:
    """Return the consumer whose function this is, or None.

    Args:
        function: the function's name or ARN, with or without a qualifier.
        environment: the stack's name, which ends the function's name.
    """
    parts = function.split(":")
    name = parts[6] if len(parts) > 6 else parts[0]  # noqa: PLR2004  arn:aws:lambda:region:account:function:NAME
    return next((consumer for consumer in CONSUMERS if consumer.function_name(environment) == name), None)
