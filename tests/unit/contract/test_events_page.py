"""What docs/events.md shows to other teams is true: its events, its commands, its helper."""

import json
import shlex
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contract.events import EVENTS, event_schema
from functions.publish_user_events.user_event import MAXIMUM_ENTRY_BYTES, NO_FIELDS, FieldRules, user_event
from functions.runtime.json_log import JsonObject, json_line
from functions.stream_records.attribute_values import unmarshal_image
from functions.users.attributes import ATTRIBUTES
from tests.support.events_page import PAGE, README, blocks, commands
from tests.support.records.record_strategies import histories
from tests.support.records.stored_changes import changes_of

EXAMPLES: list[JsonObject] = [json.loads(block) for block in blocks("json")]
NAMES = frozenset(attribute.name for attribute in ATTRIBUTES)
ALL_VALUES = FieldRules(NAMES, NAMES, personal_data=True)


def test_the_page_has_an_example_of_every_event() -> None:
    assert [example["detail-type"] for example in EXAMPLES] == [event.__name__ for event in EVENTS]


@pytest.mark.parametrize("event", EVENTS)
def test_each_example_meets_its_schema_and_has_every_member(event: Any) -> None:
    schema = event_schema(event)
    (detail,) = [example["detail"] for example in EXAMPLES if example["detail-type"] == event.__name__]

    validator = Draft202012Validator(schema, format_checker=FormatChecker(["date-time"]))
    assert [error.message for error in validator.iter_errors(detail)] == []  # pyright: ignore[reportUnknownMemberType]
    assert detail.keys() == schema["properties"].keys()


def test_the_page_names_the_size_that_the_publisher_holds() -> None:
    assert f"At most {MAXIMUM_ENTRY_BYTES // 1024} KB." in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_every_command_is_one_of_the_aws_cli_with_its_required_options(page: Path) -> None:
    found = list(commands(page))

    assert len(found) >= 2
    for command in found:
        _, service, operation, *words = shlex.split(command)
        model = botocore.session.get_session().get_service_model(service)
        (name,) = [each for each in model.operation_names if xform_name(each, "-") == operation]
        shape: Any = model.operation_model(name).input_shape
        options = {xform_name(member, "-") for member in shape.members} | {"query", "output"}
        given_options = {word.removeprefix("--") for word in words if word.startswith("--")}
        assert given_options <= options, command
        assert {xform_name(member, "-") for member in shape.required_members} <= given_options, command


@cache
def helper() -> Callable[[dict[str, Any], JsonObject], None]:
    """Return `apply` as the page has it."""
    (block,) = [each for each in blocks("python") if each.startswith("def apply(")]
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102  the page's code is what is tested
    return names["apply"]


def copy_of(events: list[JsonObject]) -> dict[str, Any]:
    copy: dict[str, Any] = {"set_by": {}, "values": {}, "last": ""}
    for event in deepcopy(events):
        helper()(copy, event)
    return copy


@given(
    records=histories(user_ids=("u",), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
    repeats=st.integers(0, 4),
)
def test_the_helper_gives_the_last_state_in_any_order_with_any_repeats(
    records: list[JsonObject], order: Random, repeats: int
) -> None:
    published = [user_event(change, "userstream.test", ALL_VALUES) for change in changes_of(records)]
    events: list[JsonObject] = [
        {"detail-type": event.detail_type, "detail": json.loads(event.detail)} for event in published
    ]
    delivered = [*events, *(order.choice(events) for _ in range(repeats))]
    order.shuffle(delivered)

    copy = copy_of(delivered)

    assert copy == copy_of(events)
    image = records[-1]["dynamodb"].get("NewImage", {})
    state = {name: value for name, value in unmarshal_image(image).items() if name not in NO_FIELDS}
    shown = {name: ALL_VALUES.value(name, value) for name, value in state.items()}
    assert {name: value for name, value in copy["values"].items() if name in shown} == json.loads(json_line(shown))
    assert all(value is None for name, value in copy["values"].items() if name not in shown)
    assert copy["exists"] is ("NewImage" in records[-1]["dynamodb"])
