"""The Activity table at the wire: what is sent, and what each answer leads to."""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.activity.closing_item import deletion_note, erasure
from functions.activity.items import WriteOutcome, activity_entry, activity_item
from functions.activity.table import ActivityTable, activity_page
from functions.runtime import aws as aws_clients
from functions.runtime.aws import write_batches_as_json
from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import PlainValue
from functions.stream_records.user_change import UserChange, parse_user_change
from tests.support.aws.aws_wire import Answer, Failure, Responder, Wire, in_turn
from tests.support.records.record_processing_fakes import RETENTION_DAYS, ManualClock
from tests.support.records.record_strategies import histories, stream_record

MOMENT = "2026-11-28T10:42:00.000Z"
TABLE = "Activity-test"
DONE: JsonObject = {"UnprocessedItems": {}}


def _changes(count: int) -> list[UserChange]:
    return [_change(position, f"user-{position}") for position in range(count)]


def _change(position: int, user: str) -> UserChange:
    return parse_user_change(stream_record("INSERT", position, user, None, {"userId": {"S": user}}))


def _positions(request: JsonObject) -> list[int]:
    return [int(put["PutRequest"]["Item"]["eventId"]["S"], 16) for put in request["RequestItems"][TABLE]]


def _unprocessed(*positions: int) -> Responder:
    """Leave some of a request's items unprocessed, as DynamoDB does under load."""

    def answer(request: JsonObject) -> JsonObject:
        puts = zip(request["RequestItems"][TABLE], _positions(request), strict=True)
        return {"UnprocessedItems": {TABLE: [put for put, position in puts if position in positions]}}

    return answer


class Table:
    """The table over a wire that answers calls in turn, further ones with the last answer."""

    def __init__(self, *answers: Answer | Responder, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.wire = Wire("dynamodb", in_turn(*answers), write_batches_as_json)
        self.activity = ActivityTable(self.wire.client, TABLE, RETENTION_DAYS, self.clock)


def test_a_hundred_changes_take_four_calls() -> None:
    table = Table(DONE)
    assert table.activity.write(_changes(100)) == WriteOutcome(100, {}, None)
    assert [_positions(request) for request in table.wire.requests] == [
        list(range(start, start + 25)) for start in range(0, 100, 25)
    ]


@given(users=st.lists(st.sampled_from("abcde"), max_size=60), spread=st.integers(0, 40))
def test_a_users_next_change_is_in_a_later_call(users: list[str], spread: int) -> None:
    """A call's items are written in any order, and Activity's stream has them in that order."""
    changes = [_change(position, user) for position, user in enumerate([*users, *map(str, range(spread))])]
    table = Table(DONE)

    assert table.activity.write(changes) == WriteOutcome(len(changes), {}, None)
    calls = [[changes[position] for position in _positions(request)] for request in table.wire.requests]
    assert [change for call in calls for change in call] == changes
    assert all(len({change.user_id for change in call}) == len(call) <= 25 for call in calls)


def test_writing_nothing_makes_no_call() -> None:
    table = Table(DONE)
    assert table.activity.write([]) == WriteOutcome(0, {}, None)
    assert table.wire.requests == []


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire("dynamodb", lambda _: DONE, write_batches_as_json)


@pytest.fixture(scope="module")
def wire_of_botocore_alone() -> Wire:
    return Wire("dynamodb", lambda _: DONE)


@given(histories(min_size=1, max_size=6))
def test_the_body_equals_what_botocores_serializer_writes(
    wire: Wire, wire_of_botocore_alone: Wire, records: list[JsonObject]
) -> None:
    wire.answer = lambda _: DONE
    changes = [parse_user_change(record) for record in records]
    before = len(wire.requests)
    ActivityTable(wire.client, TABLE, RETENTION_DAYS, ManualClock()).write(changes)
    puts: Any = [{"PutRequest": {"Item": activity_item(change, RETENTION_DAYS)}} for change in changes]
    for request in wire.requests[before:]:
        own, puts = puts[: len(request["RequestItems"][TABLE])], puts[len(request["RequestItems"][TABLE]) :]
        wire_of_botocore_alone.client.batch_write_item(RequestItems={TABLE: own})
        assert request == wire_of_botocore_alone.requests[-1]
    assert puts == []


def test_a_change_that_comes_twice_is_sent_once() -> None:
    table = Table(DONE)
    first, second = _changes(2)
    assert table.activity.write([first, second, first]) == WriteOutcome(3, {}, None)
    assert [_positions(request) for request in table.wire.requests] == [[0, 1]]


def test_unprocessed_items_are_sent_again_after_a_growing_wait() -> None:
    table = Table(_unprocessed(1, 2), _unprocessed(2), DONE)
    assert table.activity.write(_changes(3)) == WriteOutcome(3, {}, None)
    assert [_positions(request) for request in table.wire.requests] == [[0, 1, 2], [1, 2], [2]]
    assert 0.025 <= table.clock.slept[0] <= 0.05 <= table.clock.slept[1] <= 0.1


def test_items_that_stay_unprocessed_end_the_write_at_the_first_of_them() -> None:
    table = Table(_unprocessed(27, 29))
    outcome = table.activity.write(_changes(60))
    assert outcome == WriteOutcome(27, {}, "BatchWriteItem: items stay unprocessed")
    assert [len(_positions(request)) for request in table.wire.requests] == [25, 25, 2, 2, 2, 2, 2]
    assert sum(table.clock.slept) < 3


def test_waiting_leaves_time_to_finish_the_invocation() -> None:
    table = Table(_unprocessed(0), clock=ManualClock(remaining=60))
    table.clock.pass_by(57.9)
    assert table.activity.write(_changes(1)).settled == 0
    assert table.clock.remaining() >= 2


def test_the_write_ends_before_the_invocation_does() -> None:
    clock = ManualClock(remaining=10)

    def slow(_: JsonObject) -> Answer:
        clock.pass_by(4.5)
        return DONE

    wire = Wire("dynamodb", slow, write_batches_as_json)
    outcome = ActivityTable(wire.client, TABLE, RETENTION_DAYS, clock).write(_changes(100))
    assert outcome == WriteOutcome(50, {}, "the invocation's time is nearly over")


def test_a_short_timeout_leaves_time_to_write() -> None:
    table = Table(DONE, clock=ManualClock(remaining=1))
    assert table.activity.write(_changes(30)).settled == 30


@pytest.mark.parametrize(
    "failure",
    [
        Failure("ProvisionedThroughputExceededException"),
        Failure("ThrottlingException"),
        Failure("RequestLimitExceeded"),
        Failure("InternalServerError", 500),
        Failure("SomethingNew", 503),
        Failure("AccessDeniedException"),
        Failure("ResourceNotFoundException"),
        Failure("ExpiredTokenException"),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
    ],
    ids=lambda failure: failure.code if isinstance(failure, Failure) else type(failure).__name__,
)
def test_a_transient_failure_ends_the_write_where_it_occurs(failure: Answer) -> None:
    table = Table(DONE, failure)
    outcome = table.activity.write(_changes(60))
    assert (outcome.settled, outcome.rejected) == (25, {})
    assert outcome.interruption is not None
    assert (failure.code if isinstance(failure, Failure) else type(failure).__name__) in outcome.interruption


def test_an_unforeseen_failure_is_raised() -> None:
    with pytest.raises(ClientError, match="SomethingNew"):
        Table(Failure("SomethingNew")).activity.write(_changes(1))


@given(st.sets(st.integers(0, 59), max_size=4))
def test_refused_changes_are_found_and_the_others_written(wire: Wire, bad: set[int]) -> None:
    written: set[int] = set()

    def answer(request: JsonObject) -> Answer:
        positions = set(_positions(request))
        if positions & bad:
            return Failure("ValidationException", message="Item size has exceeded the maximum allowed size")
        written.update(positions)
        return DONE

    wire.requests.clear()
    wire.answer = answer
    outcome = ActivityTable(wire.client, TABLE, RETENTION_DAYS, ManualClock()).write(_changes(60))
    assert (outcome.settled, outcome.interruption) == (60, None)
    assert set(outcome.rejected) == bad
    assert written == set(range(60)) - bad
    assert all("maximum allowed size" in reason for reason in outcome.rejected.values())
    assert len(wire.requests) <= 3 + 2 * 5 * len(bad)


def test_a_refusal_before_a_transient_failure_is_kept() -> None:
    table = Table(Failure("ValidationException"), Failure("ValidationException"), Failure("ThrottlingException"))
    outcome = table.activity.write(_changes(2))
    assert (outcome.settled, set(outcome.rejected)) == (1, {0})
    assert outcome.interruption is not None


def test_a_call_over_sixteen_megabytes_is_split_in_half() -> None:
    table = Table(Failure("RequestEntityTooLarge", 413), DONE)
    assert table.activity.write(_changes(25)) == WriteOutcome(25, {}, None)
    assert [len(_positions(request)) for request in table.wire.requests] == [25, 12, 13]


def test_an_item_holds_the_whole_change() -> None:
    old = {"userId": {"S": "u"}, "username": {"S": "toto"}, "photo": {"B": "AQI="}}
    new = {"userId": {"S": "u"}, "username": {"S": "kichwa"}}
    change = parse_user_change(stream_record("MODIFY", 7, "u", old, new))
    assert activity_item(change, retention_days=2) == {
        "userId": {"S": "u"},
        "changeId": {"S": "0000000000000000009700001729061958505439"},
        "eventId": {"S": f"{7:032x}"},
        "eventName": {"S": "MODIFY"},
        "kind": {"S": "UPDATED"},
        "actor": {"S": "caller"},
        "occurredAt": {"S": "2026-11-24T00:00:07.000Z"},
        "changes": {
            "M": {
                "username": {"M": {"old": {"S": "toto"}, "new": {"S": "kichwa"}}},
                "photo": {"M": {"old": {"B": b"\x01\x02"}}},
            }
        },
        "expiresAt": {"N": str(1_795_478_407 + 2 * 86_400)},
    }


@pytest.mark.parametrize(
    ("event_name", "old", "new", "version"),
    [
        ("INSERT", None, {"N": "1"}, {"N": "1"}),
        ("MODIFY", {"N": "1"}, {"N": "2"}, {"N": "2"}),
        ("REMOVE", {"N": "2"}, None, {"N": "2"}),
        ("INSERT", None, {"S": "1"}, None),
        ("MODIFY", {"N": "1"}, {}, None),
    ],
)
def test_an_item_has_the_users_version_after_the_change(
    event_name: str, old: Any, new: Any, version: JsonObject | None
) -> None:
    user = {"userId": {"S": "u"}}
    images = [None if value is None else user | ({"version": value} if value else {}) for value in (old, new)]
    item = activity_item(parse_user_change(stream_record(event_name, 7, "u", *images)), retention_days=2)
    assert item.get("version") == version
    assert "version" not in activity_entry({**item, "changes": {"M": {}}})


def _stored(position: int) -> JsonObject:
    return {
        "userId": {"S": "u"},
        "changeId": {"S": f"{position:040d}"},
        "eventId": {"S": "e"},
        "kind": {"S": "UPDATED"},
        "actor": {"S": "caller"},
        "occurredAt": {"S": "2026-11-24T00:00:00.000Z"},
        "changes": {
            "M": {"version": {"M": {"old": {"N": "1"}, "new": {"N": "2"}}}, "photo": {"M": {"new": {"B": "AQI="}}}}
        },
        "expiresAt": {"N": "1"},
    }


class TestPages:
    """Reading the history back."""

    closing: Sequence[JsonObject] = ()

    @pytest.fixture
    def stored(self, monkeypatch: pytest.MonkeyPatch) -> Wire:
        def answer(request: JsonObject) -> Answer:
            after = int(request.get("ExclusiveStartKey", {}).get("changeId", {}).get("S", "-1"))
            rest = [*(_stored(position) for position in range(after + 1, 5)), *self.closing]
            page = rest[: request["Limit"]]
            more: JsonObject = (
                {}
                if len(page) == len(rest)
                else {"LastEvaluatedKey": {"userId": {"S": "u"}, "changeId": page[-1]["changeId"]}}
            )
            return {"Items": page, "Count": len(page), **more}

        wire = Wire("dynamodb", answer)
        monkeypatch.setattr(aws_clients, "dynamodb", lambda: wire.client)
        return wire

    @pytest.mark.parametrize(("limit", "pages"), [(1, 5), (2, 3), (4, 2), (5, 1), (100, 1)])
    def test_every_change_is_read_once_and_oldest_first(self, stored: Wire, limit: int, pages: int) -> None:
        read: list[str] = []
        after: str | None = None
        for _ in range(pages):
            page = activity_page(TABLE, "u", limit, after)
            assert len(page.items) <= limit
            read += [entry["changeId"] for entry in page.items]
            after = page.after
        assert after is None
        assert read == [f"{position:040d}" for position in range(5)]
        assert stored.requests[0]["ExpressionAttributeValues"] == {":user": {"S": "u"}}

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
    @pytest.mark.usefixtures("stored")
    def test_the_note_of_a_deletion_is_on_no_page(self, limit: int) -> None:
        self.closing = [deletion_note("u", actor="a", version=1, occurred_at=MOMENT, expires_at=1)]
        pages = self._pages(limit)
        assert [entry["changeId"] for page in pages for entry in page] == [f"{position:040d}" for position in range(5)]
        assert all(pages)

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
    @pytest.mark.usefixtures("stored")
    def test_an_erasure_is_the_last_entry(self, limit: int) -> None:
        self.closing = [erasure("u", actor="a", occurred_at=MOMENT, expires_at=1)]
        pages = self._pages(limit)
        assert len([entry for page in pages for entry in page]) == 6
        assert pages[-1][-1] == {
            "changeId": "9" * 40,
            "kind": "ERASED",
            "actor": "a",
            "occurredAt": MOMENT,
            "changes": {},
        }

    def _pages(self, limit: int) -> list[list[dict[str, PlainValue]]]:
        page = activity_page(TABLE, "u", limit)
        pages = [page.items]
        while page.after is not None:
            page = activity_page(TABLE, "u", limit, page.after)
            pages.append(page.items)
        return pages

    @pytest.mark.usefixtures("stored")
    def test_an_entry_is_in_plain_values(self) -> None:
        assert activity_page(TABLE, "u", 1).items == [
            {
                "changeId": "0" * 40,
                "kind": "UPDATED",
                "actor": "caller",
                "occurredAt": "2026-11-24T00:00:00.000Z",
                "changes": {"version": {"old": 1, "new": 2}, "photo": {"new": b"\x01\x02"}},
            }
        ]
