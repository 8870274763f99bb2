"""The requests to DynamoDB, and what callers get when it refuses them."""

import json
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from functions.stream_records.schema_versions import SUPPORTED_SCHEMA_VERSIONS
from functions.users.dynamodb_store import SCHEMA_VERSION, DynamoDBUsersStore
from functions.users.user import keys_of
from tests.support.aws.aws_wire import Answer, Failure, Wire
from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint
from tests.support.users.people import registration, user
from tests.support.users.users_api import UsersApi

ALICE = registration(email="Alice@Example.com", username="Alice")
STORED: dict[str, Any] = {
    "userId": {"S": "7"},
    **{name: {"S": value} for name, value in registration().items()},
    "version": {"N": "3"},
    "createdAt": {"S": "2026-11-23T10:00:00.000Z"},
    "updatedAt": {"S": "2026-11-23T10:00:00.000Z"},
    "schemaVersion": {"N": "1"},
}

NO_HEADERS: Any = {}


def store(wire: Wire) -> DynamoDBUsersStore:
    return DynamoDBUsersStore(
        wire.client, users_table="Users-test", user_keys_table="UserKeys-test", clock=lambda: 1_795_000_000.5
    )


def test_a_registration_is_one_transaction() -> None:
    wire = Wire("dynamodb", lambda _request: {})
    answered = UsersApi(store(wire)).register(ALICE)
    user_id = answered.body["userId"]
    (request,) = wire.requests
    put, *keys = (operation["Put"] for operation in request["TransactItems"])
    assert put["TableName"] == "Users-test"
    assert put["ConditionExpression"] == "attribute_not_exists(userId)"
    assert put["Item"]["userId"] == {"S": user_id}
    assert put["Item"]["schemaVersion"] == {"N": str(SCHEMA_VERSION)}
    assert keys == [
        {
            "TableName": "UserKeys-test",
            "Item": {"key": {"S": key}, "userId": {"S": user_id}},
            "ConditionExpression": "attribute_not_exists(userId) OR userId = :owner"
            " OR (attribute_exists(#pending) AND expiresAt <= :now)",
            "ExpressionAttributeNames": {"#pending": "pending"},
            "ExpressionAttributeValues": {":owner": {"S": user_id}, ":now": {"N": "1795000000"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        for key in keys_of(ALICE).values()
    ]


def test_the_stream_can_read_the_schema_version_that_is_written() -> None:
    assert SCHEMA_VERSION in SUPPORTED_SCHEMA_VERSIONS


def test_a_user_is_read_as_the_last_change_left_it() -> None:
    wire = Wire("dynamodb", lambda _request: {"Item": STORED})
    assert UsersApi(store(wire)).get("7").body["version"] == 3
    assert wire.requests == [{"TableName": "Users-test", "Key": {"userId": {"S": "7"}}, "ConsistentRead": True}]


def test_a_rename_is_one_read_and_one_transaction() -> None:
    wire = Wire("dynamodb", lambda request: {} if "TransactItems" in request else {"Item": STORED})
    assert UsersApi(store(wire)).patch("7", {"username": "kichwa"}).status == 200
    _, written = wire.requests
    update, put, delete = written["TransactItems"]
    assert update["Update"]["UpdateExpression"] == (
        "SET #username = :new_username, #version = :new_version, #updatedAt = :new_updatedAt, "
        "#changedBy = :new_changedBy REMOVE #registrationDigest"
    )
    conditions = update["Update"]["ConditionExpression"].split(" AND ")
    assert conditions[:3] == ["attribute_exists(userId)", "#version >= :same", "#version < :next"]
    assert {"#email = :read_email", "#username = :read_username"} <= set(conditions)
    assert put["Put"]["Item"] == {"key": {"S": "username#kichwa"}, "userId": {"S": "7"}}
    assert delete["Delete"]["Key"] == {"key": {"S": "username#alice"}}


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    wire = Wire("dynamodb", lambda _request: {"Item": STORED})
    assert UsersApi(store(wire)).patch("7", {"username": "alice"}).status == 200
    assert len(wire.requests) == 1


BUSY: list[Answer] = [
    Failure("ThrottlingException", message="Throughput exceeds the limit of Users-test"),
    Failure("ProvisionedThroughputExceededException"),
    Failure("InternalServerError", 500),
    Failure("ServiceUnavailable", 503),
    ReadTimeoutError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com"),
    EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com"),
    ConnectionClosedError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com"),
]
BROKEN: list[Answer] = [
    Failure("AccessDeniedException", message="User is not authorized to perform dynamodb:PutItem on Users-test"),
    Failure("ResourceNotFoundException", message="Requested resource not found: Table: Users-test not found"),
    Failure("ValidationException"),
]


def refusals(wire: Wire) -> list[tuple[int, str]]:
    users = UsersApi(store(wire))
    answers = [users.register(ALICE), users.get("7"), users.patch("7", {"name": "Eve"}), users.delete("7")]
    texts = json.dumps([[answered.body, dict(answered.headers)] for answered in answers])
    assert not any(word in texts for word in ("Users-test", "dynamodb", "Dynamo", "botocore", "Exception", "amazonaws"))
    return [(answered.status, answered.headers.get("retry-after", "")) for answered in answers]


@pytest.mark.parametrize("failure", BUSY, ids=repr)
def test_a_busy_service_is_answered_with_503_and_retry_after(failure: Answer) -> None:
    assert refusals(Wire("dynamodb", lambda _request: failure)) == [(503, "1")] * 4


@pytest.mark.parametrize("failure", BROKEN, ids=repr)
def test_a_misconfiguration_is_an_internal_error_and_logged(
    failure: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusals(Wire("dynamodb", lambda _request: failure)) == [(500, "")] * 4
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["level"] for line in lines] == ["ERROR"] * 4
    assert isinstance(failure, Failure)
    assert all(failure.code in line["traceback"] for line in lines)


def test_a_resent_transaction_has_the_same_token() -> None:
    """If an answer is lost, DynamoDB must recognize the next try by its token, or it refuses it."""
    tokens: list[str] = []

    def lose_the_first_answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        tokens.append(json.loads(cast("bytes", request.body))["ClientRequestToken"])
        return AWSResponse(request.url, 500 if len(tokens) == 1 else 200, NO_HEADERS, _Nothing())

    client: Any = DynamoDBEndpoint("nowhere", "http://127.0.0.1:1").client()
    client.meta.events.register("before-send.dynamodb.TransactWriteItems", lose_the_first_answer)
    users = DynamoDBUsersStore(client, users_table="Users-test", user_keys_table="UserKeys-test")
    users.add(user(), None)
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


class _Nothing:
    """A body of an empty JSON object."""

    def stream(self, **_: object) -> list[bytes]:
        return [b"{}"]
