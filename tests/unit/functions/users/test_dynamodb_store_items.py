"""A stored item read as a user; tests/local/test_imported_users.py tests the conditions."""

from typing import Any

import pytest

from functions.users.attributes import ATTRIBUTES
from functions.users.dynamodb_store import user_of
from functions.users.user import User

ID = {"userId": {"S": "1017"}}


def test_an_item_with_its_key_alone_is_a_user_of_version_1() -> None:
    assert user_of(ID) == User("1017", {}, 1, None, None)


@pytest.mark.parametrize(
    ("stored", "version"),
    [
        ({"N": "1"}, 1),
        ({"N": "7"}, 7),
        ({"N": "2.9"}, 2),
        ({"N": "0"}, 1),
        ({"N": "-3"}, 1),
        ({"N": "0.5"}, 1),
        ({"N": str(2**53 - 1)}, 2**53 - 1),
        ({"N": str(2**53)}, 1),
        ({"N": "9" * 38 + "0" * 80}, 1),
        ({"S": "7"}, 1),
        ({"NULL": True}, 1),
        ({"NS": ["7"]}, 1),
    ],
)
def test_a_version_reads_as_a_whole_number_exact_in_json(stored: dict[str, Any], version: int) -> None:
    assert user_of({**ID, "version": stored}).version == version


@pytest.mark.parametrize(
    ("stored", "moment"),
    [
        ({"S": "2026-11-23T10:00:00.000Z"}, "2026-11-23T10:00:00.000Z"),
        ({"S": "2026-11-23T12:00:00.123456+02:00"}, "2026-11-23T10:00:00.123Z"),
        ({"S": "2026-11-23 10:00:00"}, "2026-11-23T10:00:00.000Z"),
        ({"S": "2026-11-23"}, "2026-11-23T00:00:00.000Z"),
        ({"S": "0001-01-01T00:00:00+14:00"}, None),
        ({"S": "yesterday"}, None),
        ({"S": ""}, None),
        ({"N": "1795428000"}, "2026-11-23T10:00:00.000Z"),
        ({"BOOL": True}, None),
    ],
)
def test_a_time_is_rewritten_as_registration_writes_it_or_reads_as_none(
    stored: dict[str, Any], moment: str | None
) -> None:
    user = user_of({**ID, "createdAt": stored, "updatedAt": stored})
    assert (user.created_at, user.updated_at) == (moment, moment)


@pytest.mark.parametrize(
    "value", [{"N": "7"}, {"BOOL": True}, {"M": {}}, {"L": [{"S": "a"}]}, {"SS": ["a"]}, {"B": b""}]
)
def test_a_value_that_is_no_text_reads_as_none(value: dict[str, Any]) -> None:
    assert user_of(ID | {attribute.name: value for attribute in ATTRIBUTES}) == user_of(ID)
