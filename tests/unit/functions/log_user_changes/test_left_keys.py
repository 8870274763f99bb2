"""Which deletions free keys, and what an interruption means for the batch."""

from typing import TYPE_CHECKING

import pytest

from functions.activity.closing_item import deletion_note
from functions.log_user_changes.history import AfterDeletion
from functions.log_user_changes.left_keys import LeftKeys
from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import UserChange, parse_user_change
from tests.support.aws.aws_wire import Failure, Wire, in_turn
from tests.support.records.record_processing_fakes import ActivityInMemory, ManualClock, Processing
from tests.support.records.record_strategies import stream_record

if TYPE_CHECKING:
    from functions.stream_records.attribute_values import Image

ALICE: "Image" = {"userId": {"S": "1"}, "email": {"S": "A@example.com"}, "version": {"N": "3"}}
BY_TTL = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}


def removal(position: int = 0, user_id: str = "1") -> JsonObject:
    return stream_record("REMOVE", position, user_id, ALICE | {"userId": {"S": user_id}}, None)


class Freed:
    """Takes deletions, until it has no more room."""

    def __init__(self, room: int = 100) -> None:
        self.users: list[str] = []
        self._room = room

    def free(self, change: UserChange) -> str | None:
        if len(self.users) == self._room:
            return "ThrottlingException"
        self.users.append(change.user_id)
        return None


@pytest.mark.parametrize(
    ("version", "record", "freed"),
    [
        (None, removal(), ["1"]),
        (3, removal(), []),
        (2, removal(), ["1"]),  # the note of an earlier user of this id
        (3, removal() | BY_TTL, ["1"]),
        (None, stream_record("INSERT", 0, "1", None, ALICE), []),
    ],
    ids=["past-the-api", "through-the-api", "note-of-another", "ttl", "no-deletion"],
)
def test_only_a_deletion_that_the_api_did_not_make_frees_keys(
    version: int | None, record: JsonObject, freed: list[str]
) -> None:
    activity, keys = ActivityInMemory(), Freed()
    if version is not None:
        note = deletion_note("1", actor="arn:x", version=version, occurred_at="", expires_at=2_000_000_000)
        activity.close(note)

    outcome = Processing(activity, after_deletion=AfterDeletion(keys.free)).process([record])

    assert (outcome.stopped_at, keys.users) == (None, freed)


def test_a_deletion_whose_keys_can_not_be_freed_now_comes_again() -> None:
    records = [removal(position, f"{position}") for position in range(3)]
    processing = Processing(after_deletion=AfterDeletion(Freed(room=1).free))

    outcome = processing.process(records)

    assert outcome.settled == 1
    assert outcome.stopped_at == records[1]["dynamodb"]["SequenceNumber"]
    assert outcome.reason == "ThrottlingException"
    assert processing.log.messages() == ["USER DELETED:", "BATCH STOPPED:"]


def left_keys(wire: Wire, clock: ManualClock) -> LeftKeys:
    return LeftKeys(wire.client, users_table="Users", user_keys_table="UserKeys", clock=clock)


def change_of(record: JsonObject) -> UserChange:
    return parse_user_change(record)


def test_a_throttled_transaction_is_an_interruption() -> None:
    wire = Wire("dynamodb", in_turn(Failure("ThrottlingException", 400)))

    assert "ThrottlingException" in (left_keys(wire, ManualClock()).free(change_of(removal())) or "")


def test_nothing_is_begun_at_the_end_of_an_invocation() -> None:
    wire, clock = Wire("dynamodb", in_turn({})), ManualClock(remaining=10)
    keys = left_keys(wire, clock)
    clock.pass_by(9)

    assert keys.free(change_of(removal())) == "the invocation's time is nearly over"
    assert wire.requests == []


def test_a_user_without_unique_values_costs_no_call() -> None:
    wire = Wire("dynamodb", in_turn({}))
    nobody = stream_record("REMOVE", 0, "1", {"userId": {"S": "1"}, "email": {"N": "5"}}, None)

    assert left_keys(wire, ManualClock()).free(change_of(nobody)) is None
    assert wire.requests == []


def test_the_request_by_which_the_user_registered_is_freed_with_the_values() -> None:
    wire = Wire("dynamodb", in_turn({}))
    request = "request#" + "0" * 64
    user = stream_record("REMOVE", 0, "1", ALICE | {"requestKey": {"S": request}}, None)

    assert left_keys(wire, ManualClock()).free(change_of(user)) is None
    _, *released = wire.requests[0]["TransactItems"]
    assert [one["Delete"]["Key"]["key"]["S"] for one in released] == ["email#a@example.com", request]
