"""The released schemas of the events, in docs/events, are the record of what was promised."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from contract.event_compatibility import breaking_changes
from contract.events import EVENTS, EventDetail, event_schema
from contract.files import EVENT_SCHEMAS, broken_promises, contract_files
from functions.publish_user_events.user_event import DETAIL_TYPES, SCHEMA_VERSION
from infra.naming import PROJECT_ROOT


def released(name: str, version: int = SCHEMA_VERSION) -> dict[str, Any]:
    return json.loads((EVENT_SCHEMAS / f"{name}-v{version}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("event", EVENTS)
def test_the_models_keep_what_the_released_schemas_promised(event: type[EventDetail]) -> None:
    assert list(breaking_changes(released(event.__name__), event_schema(event))) == [], (
        "a breaking change takes a new SCHEMA_VERSION (docs/events.md, Schema versions)"
    )


@pytest.mark.parametrize("event", EVENTS)
def test_the_schemas_of_every_version_that_was_published_are_kept(event: type[EventDetail]) -> None:
    for version in range(1, SCHEMA_VERSION + 1):
        assert released(event.__name__, version)["properties"]["schemaVersion"]["const"] == version


def test_there_is_a_model_of_every_detail_type_in_the_version_that_is_published() -> None:
    assert [event.__name__ for event in EVENTS] == list(DETAIL_TYPES.values())
    for event in EVENTS:
        assert get_args(event.model_fields["schema_version"].annotation) == (SCHEMA_VERSION,)


def objects_in(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":  # pyright: ignore[reportUnknownMemberType]
            yield schema
        for member in schema.values():  # pyright: ignore[reportUnknownVariableType]
            yield from objects_in(member)


@pytest.mark.parametrize("event", EVENTS)
def test_every_object_is_open_and_no_schema_has_references(event: type[EventDetail]) -> None:
    schema = event_schema(event)

    assert all(each.get("additionalProperties", True) is True for each in objects_in(schema))
    assert "$ref" not in json.dumps(schema)


def test_a_change_that_breaks_subscribers_is_named_with_its_file_and_what_to_do() -> None:
    path = EVENT_SCHEMAS / "UserChanged-v1.json"
    changed = released("UserChanged")
    del changed["properties"]["userId"]

    (promise,) = broken_promises({path: json.dumps(changed)})

    assert promise.startswith("docs/events/UserChanged-v1.json: userId was removed.")
    assert "raise SCHEMA_VERSION" in promise


@pytest.mark.parametrize("path", [path for path in contract_files() if path.parent == EVENT_SCHEMAS])
def test_an_added_member_passes_and_a_new_version_does_too(path: Path) -> None:
    added = json.loads(path.read_text(encoding="utf-8"))
    added["properties"]["correlationId"] = {"type": "string"}

    assert broken_promises({path: json.dumps(added)}) == []
    assert broken_promises({path.with_name(path.name.replace("-v1", "-v99")): "{}"}) == []


BREAK = """
import runpy
from contract import events
events.EventDetail.model_fields.pop("occurred_at")
for event in events.EVENTS:
    event.model_fields.pop("occurred_at")
    event.model_rebuild(force=True)
runpy.run_module("contract", run_name="__main__")
"""


def test_the_command_writes_nothing_if_a_promise_would_be_broken() -> None:
    before = {path: path.read_bytes() for path in contract_files()}

    ended = subprocess.run([sys.executable, "-c", BREAK], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "docs/events/UserDeleted-v1.json: occurredAt was removed. That breaks subscribers" in ended.stderr
    assert {path: path.read_bytes() for path in before} == before
