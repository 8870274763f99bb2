"""Publishes every change of a user as an event for other teams, if the stack has their bus."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infra.components.statement import Statement
from infra.consumers.declaration import Consumer

if TYPE_CHECKING:
    import pulumi

    from infra.components.resources import StackResources
    from infra.components.user_events import UserEvents


def _bus(resources: "StackResources") -> "UserEvents":
    if resources.user_events is None:
        raise ValueError("publish_user_events is enabled, and there is no bus: userEventsEnabled makes both")
    return resources.user_events


def _variables(resources: "StackResources") -> Mapping[str, "pulumi.Input[str]"]:
    environment = resources.environment
    return {
        "USER_EVENTS_BUS": _bus(resources).bus.name,
        "USER_EVENTS_PERSONAL_DATA": "true" if environment.settings.user_events_personal_data else "false",
        "USER_EVENTS_SOURCE": f"userstream.{environment.name}",
    }


def _statements(resources: "StackResources") -> Sequence[Statement]:
    return [_bus(resources).allow_publishing()]


CONSUMER = Consumer(
    folder="publish_user_events",
    description="Publishes every change of a user as an event for other teams",
    # Waits of an hour and a half in all, so that an outage of EventBridge ends before they do.
    maximum_receives=10,
    enabled=lambda settings: settings.user_events_enabled,
    variables=_variables,
    statements=_statements,
)
