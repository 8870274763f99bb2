"""Every change makes an event that meets its schema and shows no more than the setting allows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contract.events import EVENTS, event_schema
from functions.consumers.stored_change import OldAndNew, StoredChange
from functions.publish_user_events.user_event import MAXIMUM_ENTRY_BYTES, NO_FIELDS, FieldRules, UserEvent, user_event
from functions.users.user import REGISTRATION_DIGEST
from tests.support.records.record_strategies import stream_record
from tests.support.records.stored_changes import change_of, stored_changes

SOURCE = "userstream.test"
DECLARED = ("name", "email", "username")


def rules(*, personal_data: bool, open_fields: frozenset[str] = frozenset()) -> FieldRules:
    """Return the rules of the declared attributes, some of which aren't personal."""
    return FieldRules(DECLARED, set(DECLARED) - open_fields, personal_data)


@cache
def validators() -> Mapping[str, Draft202012Validator]:
    return {
        event.__name__: Draft202012Validator(event_schema(event), format_checker=FormatChecker(["date-time"]))
        for event in EVENTS
    }


def detail(event: UserEvent) -> dict[str, Any]:
    return json.loads(event.detail)


EVERYTHING = {name: {"S": f"SECRET-{name}"} for name in (*DECLARED, "phone", REGISTRATION_DIGEST)}
REGISTRATION = change_of(stream_record("INSERT", 0, "u", None, {"userId": {"S": "u"}, **EVERYTHING}))
DELETION = change_of(stream_record("REMOVE", 1, "u", {"userId": {"S": "u"}, **EVERYTHING}, None))


@given(change=stored_changes(), setting=st.booleans())
@example(change=REGISTRATION, setting=True)
@example(change=REGISTRATION._replace(version=0), setting=True)
@example(change=REGISTRATION._replace(version=2**60), setting=True)
@example(change=DELETION, setting=False)
def test_the_event_of_any_change_meets_the_schema_of_its_type(change: StoredChange, *, setting: bool) -> None:
    event = user_event(change, SOURCE, rules(personal_data=setting))

    errors = [error.message for error in validators()[event.detail_type].iter_errors(detail(event))]  # pyright: ignore[reportUnknownMemberType]
    assert errors == []


@given(change=stored_changes(), open_fields=st.frozensets(st.sampled_from(DECLARED)))
def test_without_personal_data_values_are_of_attributes_that_are_declared_as_not_personal(
    change: StoredChange, open_fields: frozenset[str]
) -> None:
    told = detail(user_event(change, SOURCE, rules(personal_data=False, open_fields=open_fields)))

    assert told.get("values", {}).keys() <= open_fields
    assert told.get("values", {}).keys() == (open_fields & set(told["changedFields"]) if "values" in told else set())


@given(change=stored_changes())
def test_an_event_tells_an_expiry_from_a_caller_and_never_who(change: StoredChange) -> None:
    event = user_event(change, SOURCE, rules(personal_data=True))
    assert detail(event)["actor"] == ("ttl" if change.actor == "ttl" else "caller")


@given(stored_changes())
def test_with_personal_data_every_changed_field_has_its_value(change: StoredChange) -> None:
    told = detail(user_event(change, SOURCE, rules(personal_data=True)))

    assert change.kind == "DELETED" or told["values"].keys() == set(told["changedFields"])
    assert set(told["changedFields"]) == change.changes.keys() - NO_FIELDS


@given(change=stored_changes(), setting=st.booleans())
def test_the_registration_digest_never_leaves(change: StoredChange, *, setting: bool) -> None:
    digest = "0123456789abcdef" * 4
    with_digest = change._replace(changes={**change.changes, REGISTRATION_DIGEST: OldAndNew(digest, digest)})

    event = user_event(with_digest, SOURCE, rules(personal_data=setting))

    assert digest not in event.detail
    assert REGISTRATION_DIGEST not in json.dumps(detail(event)["changedFields"])


def test_no_text_of_a_user_is_in_an_event_without_personal_data_or_of_a_deleted_user() -> None:
    assert "SECRET" not in user_event(REGISTRATION, SOURCE, rules(personal_data=False)).detail
    assert "SECRET" not in user_event(DELETION, SOURCE, rules(personal_data=True)).detail
    assert user_event(REGISTRATION, SOURCE, rules(personal_data=True)).detail.count("SECRET") == len(EVERYTHING) - 1


@given(change=stored_changes(), setting=st.booleans(), data=st.data())
def test_a_redelivery_publishes_the_same_text(change: StoredChange, *, setting: bool, data: st.DataObject) -> None:
    order = data.draw(st.permutations(list(change.changes)))
    again = change._replace(changes={name: change.changes[name] for name in order})

    first, second = (user_event(each, SOURCE, rules(personal_data=setting)) for each in (change, again))

    assert first == second


@dataclass(frozen=True)
class LargeField:
    """A field near the limit, of a character that takes 1, 2, 3 or 4 bytes, and 1 to 12 in JSON."""

    character: str
    length: int


NO_VALUE_BYTES = user_event(
    REGISTRATION._replace(changes={"name": OldAndNew(None, "")}), SOURCE, rules(personal_data=True)
).size

LARGE_FIELDS = st.builds(
    LargeField,
    character=st.sampled_from(["a", '"', "\n", "é", "ß", "漢", "😀"]),
    length=st.integers(MAXIMUM_ENTRY_BYTES // 12 - 200, MAXIMUM_ENTRY_BYTES + 200),
)


@given(field=LARGE_FIELDS)
@example(field=LargeField("a", MAXIMUM_ENTRY_BYTES - NO_VALUE_BYTES))
@example(field=LargeField("a", MAXIMUM_ENTRY_BYTES - NO_VALUE_BYTES + 1))
def test_an_event_that_would_be_too_large_leaves_its_values_out_and_says_so(field: LargeField) -> None:
    change = REGISTRATION._replace(changes={"name": OldAndNew(None, field.character * field.length)})

    event = user_event(change, SOURCE, rules(personal_data=True))

    told = detail(event)
    assert event.size == len(f"{event.source}{event.detail_type}{event.detail}".encode()) <= MAXIMUM_ENTRY_BYTES
    assert told["valuesOmitted"] is (told["values"] == {})
    whole = json.dumps({**told, "valuesOmitted": False, "values": {"name": change.new("name")}}, separators=(",", ":"))
    assert told["valuesOmitted"] is (len(whole) + len(SOURCE) + len("UserRegistered") > MAXIMUM_ENTRY_BYTES)
    assert told["changedFields"] == ["name"]
