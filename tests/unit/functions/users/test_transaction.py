"""One transaction at the wire: what each answer leads to."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from functions.users.transaction import CONFLICT_PAUSES, transact, unavailability
from functions.users.user import UnavailableError
from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint

OPERATIONS: Any = [{"Delete": {"TableName": "Users-test", "Key": {"userId": {"S": name}}}} for name in "ab"]


class Wire:
    """A client whose answers are scripted, and the waits between the calls."""

    def __init__(self) -> None:
        self.client = DynamoDBEndpoint("nowhere", "http://127.0.0.1:1").client()
        self.stubber = Stubber(self.client)
        self.pauses: list[float] = []

    def cancels(self, *reasons: dict[str, Any]) -> None:
        self.stubber.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            "Transaction cancelled: Users-test",
            http_status_code=400,
            modeled_fields={"CancellationReasons": list(reasons)},
        )

    def fails(self, code: str, status: int = 400) -> None:
        self.stubber.add_client_error("transact_write_items", code, "about Users-test", http_status_code=status)

    def accepts(self) -> None:
        self.stubber.add_response("transact_write_items", {})

    def send(self) -> list[Any]:
        with self.stubber:
            outcome = transact(self.client, OPERATIONS, self.pauses.append)
            self.stubber.assert_no_pending_responses()
            return outcome


HELD = {"Code": "None"}
REFUSED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}


def test_a_transaction_is_written_when_all_conditions_hold() -> None:
    wire = Wire()
    wire.accepts()
    assert wire.send() == [None, None]
    assert wire.pauses == []


def test_each_refused_condition_returns_the_stored_item() -> None:
    wire = Wire()
    wire.cancels({**REFUSED, "Item": {"userId": {"S": "a"}}}, REFUSED)
    assert wire.send() == [{"userId": {"S": "a"}}, {}]


def test_a_condition_that_held_beside_a_refused_one_is_none() -> None:
    wire = Wire()
    wire.cancels(HELD, REFUSED)
    assert wire.send() == [None, {}]


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transient_reason_is_tried_again(code: str) -> None:
    wire = Wire()
    wire.cancels(HELD, {"Code": code})
    wire.cancels({"Code": code}, HELD)
    wire.accepts()
    assert wire.send() == [None, None]
    assert len(wire.pauses) == 2


def test_a_refusal_beside_a_conflict_is_tried_again() -> None:
    wire = Wire()
    wire.cancels(CONFLICT, REFUSED)
    wire.cancels(REFUSED, HELD)
    assert wire.send() == [{}, None]


def test_an_endless_conflict_is_unavailable_after_a_bounded_wait() -> None:
    wire = Wire()
    for _ in range(len(CONFLICT_PAUSES) + 1):
        wire.cancels(CONFLICT, HELD)
    with pytest.raises(UnavailableError) as refusal:
        wire.send()
    assert refusal.value.cause == "TransactionConflict"
    assert len(wire.pauses) == len(CONFLICT_PAUSES)
    assert all(0 <= pause <= longest for pause, longest in zip(wire.pauses, CONFLICT_PAUSES, strict=True))


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded", "DuplicateItem"])
def test_any_other_reason_is_raised(reason: str) -> None:
    wire = Wire()
    wire.cancels(REFUSED, {"Code": reason})
    with pytest.raises(ClientError):
        wire.send()


def test_a_cancellation_without_reasons_is_raised() -> None:
    wire = Wire()
    wire.fails("TransactionCanceledException")
    with pytest.raises(ClientError):
        wire.send()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("RequestLimitExceeded", 400),
        ("TransactionInProgressException", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("", 502),
    ],
)
def test_a_busy_or_failing_service_is_unavailable(code: str, status: int) -> None:
    wire = Wire()
    wire.fails(code, status)
    with pytest.raises(UnavailableError) as refusal:
        wire.send()
    assert refusal.value.cause == code


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ValidationException",
        "IdempotentParameterMismatchException",
    ],
)
def test_a_call_that_can_never_work_is_raised(code: str) -> None:
    wire = Wire()
    wire.fails(code)
    with pytest.raises(ClientError):
        wire.send()


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="http://x"), ConnectTimeoutError(endpoint_url="http://x")]
)
def test_a_network_failure_is_unavailable(error: Exception) -> None:
    with pytest.raises(UnavailableError), unavailability():
        raise error


def test_a_refused_connection_is_unavailable() -> None:
    client = DynamoDBEndpoint("nobody listens here", "http://127.0.0.1:1").client()
    with pytest.raises(UnavailableError), unavailability():
        client.get_item(TableName="Users-test", Key={"userId": {"S": "1"}})
