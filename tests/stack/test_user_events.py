"""The bus and the archive of the events for other teams."""

import pytest

from guardrails import resource as types
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import RecordedStack, record

ENABLED = "userstream:userEventsEnabled"
BUS_ARN = "arn:aws:events:eu-west-1:123456789012:event-bus/UserEvents-prod"


def stack_with_events(**settings: str) -> RecordedStack:
    """Return prod with events, and other settings."""
    changed = {f"userstream:{name}": value for name, value in settings.items()}
    return record("prod", config={**own_config("prod"), ENABLED: "true", **changed})


def test_a_stack_without_events_has_neither_bus_nor_archive_and_its_outputs_say_so() -> None:
    stack = record("prod")

    assert own_config("prod")[ENABLED] == "false"
    assert not [*stack.of_type(types.EVENT_BUS), *stack.of_type(types.EVENT_ARCHIVE)]
    assert not [each for each in stack.of_type(types.FUNCTION) if each.name == "publish-user-events"]
    assert {name for name in stack.outputs if name.startswith("userEvents")} == set()


def test_the_outputs_name_the_bus_and_the_archive() -> None:
    outputs = stack_with_events().outputs

    assert outputs["userEventsBusName"] == "UserEvents-prod"
    assert outputs["userEventsBusArn"] == BUS_ARN
    assert outputs["userEventsArchiveName"] == "UserEvents-prod"


def test_the_archive_keeps_every_event_of_the_bus_for_the_days_of_the_setting() -> None:
    archive = stack_with_events(userEventsArchiveDays="90").only(types.EVENT_ARCHIVE, "user-events")

    assert archive.inputs["eventSourceArn"] == BUS_ARN
    assert archive.inputs["retentionDays"] == 90
    assert "eventPattern" not in archive.inputs


@pytest.mark.parametrize("protect", ["true", "false"])
def test_bus_and_archive_are_protected_as_the_stack_is(protect: str) -> None:
    stack = record("dev", config={**own_config("dev"), "userstream:protectResources": protect})

    for type_token in (types.EVENT_BUS, types.EVENT_ARCHIVE):
        assert stack.only(type_token, "user-events").options.protect is (protect == "true")


def test_the_publisher_s_role_alone_may_put_events_and_on_the_bus_alone() -> None:
    allowed = {
        policy.name: statement["Resource"]
        for policy in stack_with_events().of_type(types.ROLE_POLICY)
        for statement in policy.json("policy")["Statement"]
        if any(action.startswith("events:") for action in statement["Action"])
    }

    assert allowed == {"publish-user-events-policy": [BUS_ARN]}


def test_nobody_outside_the_account_gets_at_the_bus() -> None:
    assert {resource.type for resource in stack_with_events().resources if "event" in resource.type} == {
        types.EVENT_BUS,
        types.EVENT_ARCHIVE,
        types.EVENT_SOURCE_MAPPING,
    }
