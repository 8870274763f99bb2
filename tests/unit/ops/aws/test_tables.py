"""The reads of Activity at the wire: whatever ids a message names."""

import pytest

from functions.runtime.json_log import JsonObject
from ops.aws.tables import ActivityKey, ActivityReader
from tests.support.aws.aws_wire import Wire

NO_KEYS = ("x" * 2049, "é" * 1025, "\ud800", "")
"""User ids that DynamoDB refuses as keys, and with them the whole call."""


@pytest.fixture
def dynamodb() -> Wire:
    def answer(request: JsonObject) -> JsonObject:
        (keys,) = (table["Keys"] for table in request["RequestItems"].values())
        return {"Responses": {"Activity": [key | {"eventId": {"S": "e"}} for key in keys]}}

    return Wire("dynamodb", answer)


def test_an_id_that_no_item_can_have_is_not_asked_for(dynamodb: Wire) -> None:
    reader = ActivityReader(dynamodb.client, "Activity")

    assert reader.event_ids([ActivityKey(one, "1") for one in (*NO_KEYS, "eve")]) == {ActivityKey("eve", "1"): "e"}
    assert reader.erased([*NO_KEYS, "eve"]) == frozenset()
    assert [len(request["RequestItems"]["Activity"]["Keys"]) for request in dynamodb.requests] == [1, 1]
    assert reader.erased(NO_KEYS) == reader.event_ids([]).keys() == frozenset()
