"""What shows or lists a user's attributes goes by the table: none of them is left out anywhere."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings

from benchmarks.events import REGISTER_EVENT, user_image
from contract.declarations import check_declarations
from contract.events import UserChanged, event_schema
from contract.files import DOCS, contract_files
from contract.responses import user_model
from functions.activity.items import activity_item
from functions.log_user_changes.batch import MASK, masked_image
from functions.stream_records.attribute_values import Image
from functions.stream_records.user_change import parse_user_change
from functions.users.attributes import ATTRIBUTES, Attribute, visible_when_masked
from functions.users.user import attributes_of, held_keys
from infra.outputs import StackOutputs
from infra.site_config import SiteConfig, site_attributes
from local.output import FunctionLogLine, curl_command, readable_lines
from local.page.trail import SHOWN_FIELDS, Findings, assemble_trail
from ops.job import Job
from ops.users.verify import Verify
from ops.users.verify_db import VerifyDb
from tests.support.ops.ops_in_memory import StackInMemory
from tests.support.records.record_processing_fakes import Processing
from tests.support.records.record_strategies import stream_record
from tests.support.users.declarations import declarations
from tests.support.users.people import registration, user, value_of

if TYPE_CHECKING:
    from local.state import LocalStack

Table = Sequence[Attribute]
Json = dict[str, Any]
BODIES = ("Registration", "UserChanges", "User")


def image_of(table: Table, attribute: Attribute, number: int | None) -> Image:
    """Return a stored user who has the attribute, or who has not if the number is None."""
    values = registration(1, table)
    values.pop(attribute.name, None)
    if number is not None:
        values[attribute.name] = value_of(attribute, number)
    shown = attributes_of(user("7", values), table)
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in shown.items()
        if value is not None
    }


def change_record(table: Table, attribute: Attribute, old: int | None, new: int | None) -> Json:
    return stream_record("MODIFY", 1, "7", image_of(table, attribute, old), image_of(table, attribute, new))


def a_masked_log_hides_it_if_it_is_personal(table: Table, attribute: Attribute) -> None:
    change = parse_user_change(change_record(table, attribute, 1, 2))
    assert change.new is not None
    shown = masked_image(change.new, visible_when_masked(table))[attribute.name]
    expected = MASK if attribute.personal else value_of(attribute, 2)
    assert shown == expected, f"{attribute.name}: personal is {attribute.personal}, a masked log shows {shown!r}"
    assert attribute.name in change.changed_fields, f"{attribute.name} isn't logged as changed"


def activity_has_each_change_of_it(table: Table, attribute: Attribute) -> None:
    sides = {(None, 1): {"new"}, (1, 2): {"old", "new"}, (2, None): {"old"}}
    for (old, new), expected in sides.items():
        item = activity_item(parse_user_change(change_record(table, attribute, old, new)), 30)
        found = item["changes"]["M"].get(attribute.name, {"M": {}})["M"]
        assert found.keys() == expected, f"{attribute.name} from {old} to {new} isn't in Activity: {found}"


def the_contract_has_it(table: Table, attribute: Attribute) -> None:
    files = {path.relative_to(DOCS).as_posix(): text for path, text in contract_files(table).items()}
    schemas = json.loads(files["openapi.json"])["components"]["schemas"]
    for schema in BODIES:
        assert attribute.name in schemas[schema]["properties"], f"openapi.json: {schema} has no {attribute.name}"
    sent, changed, shown = (schemas[name]["properties"][attribute.name] for name in BODIES)
    assert (sent["minLength"], sent["maxLength"]) == (attribute.text.minimum, attribute.text.maximum), attribute.name
    assert sent["description"] == attribute.rule, attribute.name
    assert sent["examples"] == [attribute.example], attribute.name
    required = [attribute.name in schemas[name].get("required", []) for name in BODIES]
    assert required == [attribute.required, False, attribute.required], f"openapi.json: {attribute.name}: {required}"
    nullable = [{"type": "null"} in schema.get("anyOf", []) for schema in (sent, changed, shown)]
    assert nullable == [False, not attribute.required, attribute.required], f"openapi.json: {attribute.name}: null"
    assert "default" not in shown, f"openapi.json: {attribute.name} has a default"
    optional, or_null = ("", "") if attribute.required else ("?", " | null")
    shown_type = "string | null" if attribute.required else "string"
    interfaces = dict(part.split(" {", 1) for part in files["api.d.ts"].split("export interface ")[1:])
    for name, member in {
        "Registration": f"{attribute.name}{optional}: string;",
        "UserChanges": f"{attribute.name}?: string{or_null};",
        "User": f"{attribute.name}{optional}: {shown_type};",
    }.items():
        assert f"  readonly {member}\n" in interfaces[name], f"api.d.ts: {name} has no {member}"


def answers_meet_the_contract(table: Table, attribute: Attribute) -> None:
    model = user_model(table)
    values = {**registration(1, table), attribute.name: value_of(attribute, 1)}
    without = {name: value for name, value in values.items() if name != attribute.name}
    for each in (values, without):
        model.model_validate_json(json.dumps(attributes_of(user("7", each), table)), strict=True)
    shown = attributes_of(user("7", without), table)
    assert shown.get(attribute.name, "left out") == (None if attribute.required else "left out"), attribute.name


def the_page_s_form_asks_for_it(table: Table, attribute: Attribute) -> None:
    config = SiteConfig(environment="e", region="r", api_url="https://api.test", attributes=site_attributes(table))
    fields = {field["name"]: field for field in json.loads(config.to_json())["attributes"]}
    assert attribute.name in fields, f"config.json has no {attribute.name}"
    assert fields[attribute.name] == {
        "name": attribute.name,
        "label": attribute.label,
        "hint": attribute.hint,
        "example": attribute.example,
        "required": attribute.required,
        "confirmed": attribute.confirmed,
        **attribute.form._asdict(),
    }, attribute.name


def verify_gives_its_user_the_key_if_it_is_unique(table: Table, attribute: Attribute) -> None:
    stack = StackInMemory()
    image = image_of(table, attribute, 1)
    stack.user_table.items["7"] = image
    with TemporaryDirectory(prefix="verify-") as folder, closing(VerifyDb(Path(folder) / "verify.sqlite")) as progress:
        work = Job(now=stack.clock.now, sleep=stack.clock.pass_by)
        Verify(stack, progress, work, items_per_second=1e9, repair=True, attributes=table).run()
    own = {**registration(1, table), attribute.name: value_of(attribute, 1)}
    assert stack.keys == dict.fromkeys(held_keys(own, table), "7"), f"{attribute.name}: {stack.keys}"
    has_key = any(key.startswith(f"{attribute.name}#") for key in stack.keys)
    assert has_key == (attribute.unique is not None), attribute.name


def the_live_view_shows_a_change_of_it(table: Table, attribute: Attribute, shown: Sequence[str] | None = None) -> None:
    record = change_record(table, attribute, 1, 2)
    record["dynamodb"]["ApproximateCreationDateTime"] = datetime(2026, 11, 24, tzinfo=UTC)
    findings = Findings(image_of(table, attribute, 2), [record], {}, [], {})
    trail = assemble_trail("7", findings, shown or [each.name for each in table])
    assert [(field.old, field.new) for field in trail.changes[0].fields if field.field == attribute.name] == [
        (value_of(attribute, 1), value_of(attribute, 2))
    ], f"{attribute.name} isn't in the live view"
    assert trail.stored is not None
    assert trail.stored.get(attribute.name) == value_of(attribute, 2), f"{attribute.name} isn't in the live view"


def the_command_to_copy_sends_it_if_it_is_required(table: Table, attribute: Attribute) -> None:
    stack = cast("LocalStack", SimpleNamespace(outputs=SimpleNamespace(api_url="http://127.0.0.1")))
    body = json.loads(shlex.split(curl_command(stack, table))[-1])
    assert body.get(attribute.name) == (attribute.example if attribute.required else None), attribute.name


CHECKS: list[Callable[[Table, Attribute], None]] = [
    a_masked_log_hides_it_if_it_is_personal,
    activity_has_each_change_of_it,
    the_contract_has_it,
    answers_meet_the_contract,
    the_page_s_form_asks_for_it,
    verify_gives_its_user_the_key_if_it_is_unique,
    the_live_view_shows_a_change_of_it,
    the_command_to_copy_sends_it_if_it_is_required,
]
DECLARED = pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda each: each.name)
ACCEPTED = pytest.mark.parametrize(
    "attribute", [each for each in ATTRIBUTES if each.accepted], ids=lambda each: each.name
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@ACCEPTED
def test_no_declared_attribute_is_left_out(attribute: Attribute, check: Callable[[Table, Attribute], None]) -> None:
    check(ATTRIBUTES, attribute)


@settings(max_examples=20)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@given(added=declarations())
def test_no_attribute_that_is_added_is_left_out(added: Attribute, check: Callable[[Table, Attribute], None]) -> None:
    check_declarations((*ATTRIBUTES, added))
    check((*ATTRIBUTES, added), added)


# What takes no other table than the declared one.


@DECLARED
def test_the_processing_of_a_batch_masks_it(attribute: Attribute) -> None:
    processing = Processing(mask_personal_data=True)
    processing.process([change_record(ATTRIBUTES, attribute, 1, 2)])
    images = [fields["image"] for _, fields in processing.log.events]
    values = [value_of(attribute, 1), value_of(attribute, 2)]
    assert [image[attribute.name] for image in images] == ([MASK] * 2 if attribute.personal else values), attribute.name


@DECLARED
def test_the_local_log_shows_it(attribute: Attribute) -> None:
    line = {"message": "USER ADDED:", "userId": "7", "image": {attribute.name: attribute.example}}
    (shown,) = readable_lines([FunctionLogLine(datetime(2026, 11, 24, tzinfo=UTC), json.dumps(line))])
    assert f"  {attribute.name}={attribute.example}" in shown.plain, f"{attribute.name} isn't in `local logs`"


@DECLARED
def test_the_local_page_shows_a_change_of_it(attribute: Attribute) -> None:
    the_live_view_shows_a_change_of_it(ATTRIBUTES, attribute, SHOWN_FIELDS)


@ACCEPTED
def test_config_json_asks_for_it(attribute: Attribute) -> None:
    outputs = StackOutputs.model_construct(environment="e", region="r", api_url="https://api.test")
    config: Mapping[str, Any] = json.loads(SiteConfig.from_outputs(outputs).to_json())
    assert attribute.name in [field["name"] for field in config["attributes"]], f"config.json has no {attribute.name}"


@DECLARED
def test_the_events_schema_describes_it(attribute: Attribute) -> None:
    described = event_schema(UserChanged)["properties"]["values"]["properties"]
    assert attribute.name in described, f"docs/events has no {attribute.name}"


@DECLARED
def test_the_benchmarks_send_and_store_it_if_it_is_required(attribute: Attribute) -> None:
    assert (attribute.name in json.loads(REGISTER_EVENT["body"])) == attribute.required, attribute.name
    assert (attribute.name in user_image("7", "kichwa")) == attribute.required, attribute.name
