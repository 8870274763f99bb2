"""Whatever follows from the table of attributes follows for each of them, shipped or added.

Each check runs for every declared attribute, and for declarations that the test adds to the table.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.fields import Fields
from functions.users.user import StaleVersionError, held_keys
from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint
from tests.support.users.declarations import declarations
from tests.support.users.http_api_events import Answer
from tests.support.users.people import registration, user, value_of, with_values
from tests.support.users.users_api import UsersApi
from tests.support.users.users_in_dynamodb import UsersInDynamoDB

KEY = "an idempotency key"


class Place(NamedTuple):
    """The API over real tables, by one table of attributes."""

    attributes: Sequence[Attribute]
    tables: UsersInDynamoDB
    api: UsersApi

    def registered(self, attribute: Attribute, number: int) -> str:
        """Register somebody who has the attribute, and return the id."""
        answer = self.api.register(self.body(attribute, number))
        assert answer.status == 201, f"{attribute.name}: {answer}"
        return answer.body["userId"]

    def body(self, attribute: Attribute, number: int) -> dict[str, str]:
        return registration(number, self.attributes, **{attribute.name: value_of(attribute, number)})

    def item(self, user_id: str) -> dict[str, Any]:
        (item,) = [item for item in self.tables.items() if item["userId"]["S"] == user_id]
        return item


def expect_shown(answer: Answer, attribute: Attribute, value: str | None) -> None:
    assert answer.status == 200, f"{attribute.name}: {answer}"
    assert answer.body.get(attribute.name) == value, f"{attribute.name} isn't shown: {answer.body}"


def a_value_is_registered_stored_and_read(place: Place, attribute: Attribute) -> None:
    value, user_id = value_of(attribute, 1), place.registered(attribute, 1)
    assert place.item(user_id).get(attribute.name) == {"S": value}, f"{attribute.name} isn't stored"
    expect_shown(place.api.get(user_id), attribute, value)


def a_value_is_changed_and_its_key_moves(place: Place, attribute: Attribute) -> None:
    user_id = place.registered(attribute, 1)
    expect_shown(place.api.patch(user_id, {attribute.name: value_of(attribute, 2)}), attribute, value_of(attribute, 2))
    assert place.item(user_id)[attribute.name] == {"S": value_of(attribute, 2)}, f"{attribute.name} isn't changed"
    owned = held_keys(place.body(attribute, 1) | {attribute.name: value_of(attribute, 2)}, place.attributes)
    assert place.tables.owners() == dict.fromkeys(owned, user_id), f"{attribute.name}: its key hasn't moved"


def null_takes_away_what_is_optional_and_frees_it(place: Place, attribute: Attribute) -> None:
    user_id = place.registered(attribute, 1)
    answer = place.api.patch(user_id, {attribute.name: None})
    if attribute.required:
        error = {"field": attribute.name, "code": "not-removable"}
        assert answer.status == 422, f"{attribute.name} is required, but can be taken away"
        assert answer.body["errors"][0].items() >= error.items(), f"{attribute.name}: {answer.body}"
        return
    expect_shown(answer, attribute, None)
    assert attribute.name not in place.item(user_id), f"{attribute.name} is still stored"
    assert attribute.name not in place.api.get(user_id).body, f"{attribute.name}: an unset value is shown"
    others = held_keys({**place.body(attribute, 1), attribute.name: ""}, place.attributes)
    assert place.tables.owners() == dict.fromkeys(others, user_id), f"{attribute.name}: its key isn't freed"
    assert place.api.patch(user_id, {attribute.name: None}).headers["etag"] == answer.headers["etag"]


def a_registration_without_it_is_refused_only_if_it_is_required(place: Place, attribute: Attribute) -> None:
    without = {name: value for name, value in place.body(attribute, 1).items() if name != attribute.name}
    answer = place.api.register(without)
    assert answer.status == (422 if attribute.required else 201), f"{attribute.name}: {answer}"
    assert answer.status == 201 or answer.problem_fields == [attribute.name]
    as_null = place.api.register({**without, attribute.name: None})
    assert (as_null.status, as_null.problem_fields) == (422, [attribute.name]), f"{attribute.name} is registered null"


def who_was_stored_before_it_is_served_as_before(place: Place, attribute: Attribute) -> None:
    if attribute.required:
        return
    earlier = [each for each in place.attributes if each.name != attribute.name]
    old_api = UsersApi(place.tables.store_of(earlier), Fields(earlier))
    body = registration(1, earlier)
    registered = old_api.register(body, key=KEY)
    user_id = registered.body["userId"]

    assert place.api.get(user_id) == old_api.get(user_id), f"{attribute.name}: an earlier user is served otherwise"
    assert place.api.register(body, key=KEY) == registered, f"{attribute.name}: a retry is no longer recognized"
    assert place.api.patch(user_id, {attribute.name: value_of(attribute, 1)}).status == 200, attribute.name
    assert place.api.delete(user_id).status == 204, attribute.name
    assert place.tables.owners() == {}, f"{attribute.name}: a key is left"


def a_broken_value_is_refused_with_the_rule(place: Place, attribute: Attribute) -> None:
    answer = place.api.register({**place.body(attribute, 1), attribute.name: "x" * (attribute.text.maximum + 1)})
    (error,) = answer.body["errors"]
    assert (error["field"], error["message"]) == (attribute.name, attribute.rule), f"{attribute.name}: {answer.body}"


def of_two_rivals_for_a_unique_value_one_gets_it(place: Place, attribute: Attribute) -> None:
    rivals = [{**place.body(attribute, number), attribute.name: value_of(attribute, 9)} for number in (1, 2)]
    start = Barrier(len(rivals))

    def register(body: dict[str, str]) -> Answer:
        start.wait(timeout=30)
        return place.api.register(body)

    with ThreadPoolExecutor(len(rivals)) as pool:
        answers = list(pool.map(register, rivals))
    assert sorted(answer.status for answer in answers) == ([201, 409] if attribute.unique else [201, 201]), (
        f"{attribute.name}: unique or not, {[answer.status for answer in answers]}"
    )
    for answer in answers:
        assert answer.status == 201 or answer.problem_fields == [attribute.name]


def who_came_back_with_another_unique_value_is_another(place: Place, attribute: Attribute) -> None:
    store = place.tables.store
    first = user("7", place.body(attribute, 1))
    store.add(first, None)
    store.remove(first)
    store.add(with_values(first, **{attribute.name: value_of(attribute, 2)}), None)
    try:
        store.remove(first)
        noticed = False
    except StaleVersionError:
        noticed = True
    assert noticed == (attribute.unique is not None), f"{attribute.name}: keys of another's value would be freed"


CHECKS: list[Callable[[Place, Attribute], None]] = [
    a_value_is_registered_stored_and_read,
    a_value_is_changed_and_its_key_moves,
    null_takes_away_what_is_optional_and_frees_it,
    a_registration_without_it_is_refused_only_if_it_is_required,
    who_was_stored_before_it_is_served_as_before,
    a_broken_value_is_refused_with_the_rule,
    of_two_rivals_for_a_unique_value_one_gets_it,
    who_came_back_with_another_unique_value_is_another,
]


def place_of(endpoint: DynamoDBEndpoint, attributes: Sequence[Attribute]) -> Place:
    tables = UsersInDynamoDB(endpoint.client(), attributes)
    return Place(attributes, tables, UsersApi(tables.store, Fields(attributes)))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("attribute", [each for each in ATTRIBUTES if each.accepted], ids=lambda each: each.name)
def test_each_declared_attribute_lives_through_it(
    dynamodb_emulator: DynamoDBEndpoint, attribute: Attribute, check: Callable[[Place, Attribute], None]
) -> None:
    check(place_of(dynamodb_emulator, ATTRIBUTES), attribute)


# Each example makes tables on the emulator.
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@given(added=declarations())
def test_an_attribute_that_is_added_lives_through_it(
    dynamodb_emulator: DynamoDBEndpoint, added: Attribute, check: Callable[[Place, Attribute], None]
) -> None:
    check(place_of(dynamodb_emulator, (*ATTRIBUTES, added)), added)
