"""A deleted user's history ends when the stack says, however often and late records come."""

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.activity.closing_item import CLOSING_CHANGE_ID, deletion_note, erasure
from functions.activity.deleted_history import has_values
from functions.activity.items import activity_item, change_id
from functions.consumers.message import ChangeMessage
from functions.consumers.stored_change import stored_change
from functions.log_user_changes.deleted_history import DeletedHistory
from functions.log_user_changes.history import AfterDeletion
from functions.runtime.json_log import JsonObject, utc_timestamp
from functions.stream_records.user_change import parse_user_change
from tests.support.aws.aws_wire import Answer, Failure, Wire
from tests.support.records.record_processing_fakes import (
    RETENTION_DAYS,
    ActivityInMemory,
    LimitedActivity,
    ManualClock,
    Processing,
)
from tests.support.records.record_strategies import stream_record

DAY = 86_400
ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"
SMALL = {"userId": {"S": "eve"}, "name": {"S": "secret 0"}, "version": {"N": "1"}}


def history(changes: int) -> list[JsonObject]:
    """Return the records of a user who is registered, changed and deleted."""
    images = [
        SMALL | {"name": {"S": f"secret {number}"}, "version": {"N": f"{number + 1}"}} for number in range(changes)
    ]
    added = stream_record("INSERT", 0, "eve", None, images[0])
    updates = [
        stream_record("MODIFY", number, "eve", images[number - 1], images[number]) for number in range(1, changes)
    ]
    return [added, *updates, stream_record("REMOVE", changes, "eve", images[-1], None)]


class ActivityTable:
    """DynamoDB over the items in memory, two a page; `faults` are the next errors."""

    def __init__(self, activity: ActivityInMemory, faults: list[str | None]) -> None:
        self.items, self.faults = activity.items, faults

    def answer(self, request: JsonObject) -> Answer:
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            return Failure(fault, 500)
        if "KeyConditionExpression" in request:
            return self._query(request)
        if "RequestItems" in request:
            for put in request["RequestItems"]["Activity"]:
                self._put(put["PutRequest"]["Item"])
            return {"UnprocessedItems": {}}
        assert request["ConditionExpression"] == "attribute_not_exists(userId)"
        if (request["Item"]["userId"]["S"], request["Item"]["changeId"]["S"]) in self.items:
            return Failure("ConditionalCheckFailedException")
        self._put(request["Item"])
        return {}

    def _put(self, item: JsonObject) -> None:
        self.items[item["userId"]["S"], item["changeId"]["S"]] = item

    def _query(self, request: JsonObject) -> JsonObject:
        values = request["ExpressionAttributeValues"]
        after = request.get("ExclusiveStartKey", {"changeId": {"S": ""}})["changeId"]["S"]
        found = sorted(
            change
            for user, change in self.items
            if user == values[":user"]["S"] and after < change <= values[":deletion"]["S"]
        )
        answer: JsonObject = {"Items": [self.items["eve", change] for change in found[:2]]}
        if len(found) > 2:
            answer["LastEvaluatedKey"] = {"userId": values[":user"], "changeId": {"S": found[1]}}
        return answer


class Stack:
    """The processing of a stack with such a setting."""

    def __init__(self, days: int, faults: list[str | None] | None = None) -> None:
        self.activity = LimitedActivity(days)
        self.wire = Wire("dynamodb", ActivityTable(self.activity, faults or []).answer)
        limit = DeletedHistory(
            self.wire.client, "Activity", days=days, retention_days=RETENTION_DAYS, clock=ManualClock()
        ).limit
        self.processing = Processing(self.activity, after_deletion=AfterDeletion(limit_history=limit))

    def deliver(self, records: list[JsonObject]) -> None:
        """As the mapping does: again from where the batch stopped."""
        for _ in range(50):
            outcome = self.processing.process(deepcopy(records))
            records = records[outcome.settled :]
            if not records:
                return
        raise AssertionError("the batch never ends")

    def entries(self) -> list[JsonObject]:
        return [item for (_, change), item in sorted(self.activity.items.items()) if change != CLOSING_CHANGE_ID]


@given(
    changes=st.integers(1, 6),
    days=st.sampled_from([0, 1, 7]),
    by_api=st.booleans(),
    late=st.sets(st.integers(0, 5)),
    faults=st.lists(st.sampled_from([None, "InternalServerError", "ThrottlingException"]), max_size=6),
)
def test_a_deleted_user_s_history_ends_as_the_setting_says(
    *, changes: int, days: int, by_api: bool, late: set[int], faults: list[str | None]
) -> None:
    records = history(changes)
    stack = Stack(days, list(faults))
    deleted_at = int(records[-1]["dynamodb"]["ApproximateCreationDateTime"])
    if by_api:
        note: Any = {"occurred_at": utc_timestamp(deleted_at + 0.25), "expires_at": deleted_at + 9 * DAY}
        stack.activity.close(deletion_note("eve", actor=ARN, version=changes, **note))
    # Some records failed at first, and are replayed after the deletion; all may come twice.
    stack.deliver([record for at, record in enumerate(records) if at not in late or at == changes])
    stack.deliver([record for at, record in enumerate(records) if at in late])
    stack.deliver([records[-1]])

    entries = stack.entries()
    assert [entry["changeId"]["S"] for entry in entries] == [
        change_id(record["dynamodb"]["SequenceNumber"]) for record in records
    ]
    for entry, record in zip(entries, records, strict=True):
        own = activity_item(parse_user_change(record), RETENTION_DAYS)
        if days:
            assert int(entry["expiresAt"]["N"]) == min(int(own["expiresAt"]["N"]), deleted_at + days * DAY)
            assert entry["changes"] == own["changes"]
        else:
            assert entry["expiresAt"] == own["expiresAt"]
            assert not has_values(entry)
            assert "secret" not in str(entry)
            assert entry["changes"]["M"].keys() == own["changes"]["M"].keys()
            message = ChangeMessage("eve", entry["changeId"]["S"], "e", "UPDATED", "change", "t")
            shown = stored_change(message, entry)
            existed = {name: set(field["M"]) for name, field in own["changes"]["M"].items()}
            assert {name: set(sides) for name, sides in shown.omitted.items()} == existed
    assert entries[-1]["actor"]["S"] == (ARN if by_api else "caller")


@given(days=st.sampled_from([0, 7]), changes=st.integers(1, 3))
def test_a_user_of_the_same_id_who_is_stored_again_has_a_history_of_their_own(days: int, changes: int) -> None:
    stack = Stack(days)
    stack.deliver(history(changes))
    again = stream_record("INSERT", 100, "eve", None, SMALL)
    stack.deliver([again])

    assert stack.entries()[-1] == activity_item(parse_user_change(again), RETENTION_DAYS)
    stack.deliver([history(changes)[-1]])  # the deletion comes once more
    assert stack.entries()[-1] == activity_item(parse_user_change(again), RETENTION_DAYS)


def test_an_erased_user_s_history_is_left_alone() -> None:
    stack = Stack(7)
    marker: Any = {"occurred_at": "2026-11-28T10:42:00.000Z", "expires_at": 1_798_000_000}
    stack.activity.close(erasure("eve", actor=ARN, **marker))
    stack.deliver(history(3))
    assert stack.entries() == []
    assert stack.wire.requests == []
