"""A change as a consumer gets it, from its item in Activity."""

import pytest
from hypothesis import given

from functions.consumers.stored_change import StoredChange, UnprocessableChangeError, stored_change
from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.attribute_values import unmarshal_image
from ops.users.backfill_records import backfill_change
from tests.support.records.consumer_messages import item_of, message_of
from tests.support.records.record_strategies import STREAM_ARN, histories, stream_record

EVE: JsonObject = {"userId": {"S": "u-eve"}, "photo": {"B": "AQI="}, "tags": {"SS": ["a"]}, "version": {"N": "3"}}
ADDED = stream_record("INSERT", 0, "u-eve", None, EVE)


def _read(record: JsonObject) -> StoredChange:
    return stored_change(message_of(record), item_of(record))


@given(histories(min_size=1))
def test_old_and_new_are_what_the_users_image_was_and_is(history: list[JsonObject]) -> None:
    for record in history:
        change = _read(record)
        old, new = (unmarshal_image(record["dynamodb"].get(image, {})) for image in ("OldImage", "NewImage"))
        for name in change.changes:
            assert (change.old(name), change.new(name)) == (old.get(name), new.get(name))
        assert {name for name in old.keys() | new.keys() if name not in change.changes} <= old.keys() & new.keys()
        assert change.version == (new or old)["version"]


def test_values_are_plain_and_exact() -> None:
    change = _read(ADDED)
    assert change.new("photo") == b"\x01\x02"
    assert change.new("tags") == {"a"}
    assert (change.new("phone"), change.old("phone"), change.backfilled) == (None, None, False)


def test_a_backfilled_user_is_told() -> None:
    assert _read(backfill_change(EVE, STREAM_ARN, "eu-west-1").record).backfilled


@pytest.mark.parametrize(
    ("record", "version"),
    [
        (ADDED, 3),
        (stream_record("MODIFY", 1, "u-eve", EVE, EVE | {"version": {"N": "4"}}), 4),
        (stream_record("REMOVE", 2, "u-eve", EVE, None), 3),
        (stream_record("MODIFY", 3, "u-eve", EVE, EVE | {"photo": {"B": "AA=="}}), None),
    ],
)
def test_an_item_from_before_it_had_a_version_shows_its_changes(record: JsonObject, version: int | None) -> None:
    item = item_of(record)
    item.pop("version")
    assert stored_change(message_of(record), item).version == version


@pytest.mark.parametrize(("version", "read"), [({"N": "7"}, 7), ({"N": "1.5"}, None), ({"BOOL": True}, None)])
def test_a_version_is_a_whole_number(version: JsonObject, read: int | None) -> None:
    assert stored_change(message_of(ADDED), item_of(ADDED) | {"version": version}).version == read


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("changes", None, "has no changes"),
        ("changes", {"S": "secret"}, "has no changes"),
        ("changes", {"M": {"email": {"S": "secret"}}}, "has no changes"),
        ("actor", None, "has no actor"),
        ("kind", {"N": "1"}, "has no kind"),
        ("photo", {"X": "secret"}, "can't be read: MalformedValueError"),
        ("photo", "secret", "can't be read: AttributeError"),
        ("photo", {}, "can't be read: ValueError"),
    ],
)
def test_an_item_of_another_form_can_never_be_processed(name: str, value: Json, reason: str) -> None:
    item = item_of(ADDED)
    item.pop(name, None)
    if value is not None:
        item[name] = value
    with pytest.raises(UnprocessableChangeError, match=reason) as caught:
        stored_change(message_of(ADDED), item)
    assert "secret" not in str(caught.value)
