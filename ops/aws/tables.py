"""The tables Activity, Users and UserKeys as the commands use them; every read is consistent."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from functions.stream_records.attribute_values import AttributeValue, Image, base64_text, convert_binary
from functions.users.transaction import claim_key, transact
from functions.users.user import UnavailableError
from ops.aws.queues import CONCURRENT_CALLS
from ops.errors import OpsError, translate, translate_aws_errors
from ops.job import in_batches

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

KEYS_PER_CALL = 100  # BatchGetItem's limit (API reference)

USERS_PER_STATEMENT = 50
"""The most values of a partition key that PartiQL's IN takes (developer guide, "IN operator")."""

USERS_PER_PAGE = 1_000
"""DynamoDB also ends a page at 1 MB (API reference, "Scan")."""

ATTEMPTS = 8
"""At keys that BatchGetItem returns as unprocessed; the client itself retries throttled calls."""


class ActivityKey(NamedTuple):
    """The key of one change's item."""

    user_id: str
    change_id: str


class UsersPage(NamedTuple):
    """Some users in the form of stream images, and where the next page starts."""

    users: list[Image]
    next_after: str | None  # the last user's id; None after the last page


class ActivityReader:
    """The Activity table: each user's history, one item per change."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def event_ids(self, keys: Sequence[ActivityKey]) -> Mapping[ActivityKey, str]:
        """Return the event id of each item that exists."""
        found: dict[ActivityKey, str] = {}
        for batch in in_batches(list(dict.fromkeys(keys)), KEYS_PER_CALL):
            request = {
                "Keys": [{"userId": {"S": key.user_id}, "changeId": {"S": key.change_id}} for key in batch],
                "ConsistentRead": True,
                "ProjectionExpression": "userId, changeId, eventId",
            }
            for item in batch_get(self._client, self._name, request):
                key = ActivityKey(item["userId"].get("S", ""), item["changeId"].get("S", ""))
                found[key] = item.get("eventId", {}).get("S", "")
        return found

    def kinds(self, user_ids: Sequence[str]) -> Mapping[str, set[str]]:
        """Return the kinds of change in the history of each user who has one."""
        found: dict[str, set[str]] = {}
        for batch in in_batches(user_ids, USERS_PER_STATEMENT):
            places = ", ".join("?" * len(batch))
            request = {
                "Statement": f'SELECT userId, kind FROM "{self._name}" WHERE userId IN [{places}]',  # noqa: S608  no value
                "Parameters": [{"S": user_id} for user_id in batch],
                "ConsistentRead": True,
            }
            for item in self._pages("execute_statement", request, "NextToken", "NextToken"):
                found.setdefault(item["userId"]["S"], set()).add(item["kind"]["S"])
        return found

    def history(self, user_id: str) -> Iterator[Image]:
        """Yield a user's items, newest first."""
        request = {
            "TableName": self._name,
            "KeyConditionExpression": "userId = :user",
            "ExpressionAttributeValues": {":user": {"S": user_id}},
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        return self._pages("query", request, "LastEvaluatedKey", "ExclusiveStartKey")

    def _pages(self, operation: str, request: dict[str, Any], token: str, next_token: str) -> Iterator[Image]:
        """Yield the items of all pages; the next page is read when the caller needs it."""
        while True:
            with translate_aws_errors(f"the table {self._name}"):
                response: Any = getattr(self._client, operation)(**request)
            yield from response.get("Items", [])
            if not response.get(token):
                return
            request[next_token] = response[token]


def batch_get(client: "DynamoDBClient", table: str, request: Any) -> list[Image]:
    """Return the items that exist of at most 100 keys; an OpsError if keys stay unprocessed."""
    items: list[Any] = []
    unprocessed: Any = {table: request}
    for _ in range(ATTEMPTS):
        with translate_aws_errors(f"the table {table}"):
            response = client.batch_get_item(RequestItems=unprocessed)
        items += response.get("Responses", {}).get(table, [])
        unprocessed = response.get("UnprocessedKeys", {})
        if not unprocessed:
            return items
    raise OpsError(f"The table {table} returned unprocessed keys {ATTEMPTS} times", "run the same command again later")


class UsersReader:
    """The Users table, page by page in its own order."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def page(self, after: str | None) -> UsersPage:
        """Return the users after the one with this id; from the beginning for None."""
        request: Any = {"TableName": self._name, "Limit": USERS_PER_PAGE, "ConsistentRead": True}
        if after is not None:
            request["ExclusiveStartKey"] = {"userId": {"S": after}}
        with translate_aws_errors(f"the table {self._name}"):
            response = self._client.scan(**request)
        items: Any = response["Items"]
        users = [{name: binary_as_base64(value) for name, value in item.items()} for item in items]
        return UsersPage(users, response.get("LastEvaluatedKey", {}).get("userId", {}).get("S"))


def binary_as_base64(value: AttributeValue) -> AttributeValue:
    """Return a value from botocore as stream records have it: binary as base64 text."""
    return convert_binary(value, base64_text)


class KeyClaim(NamedTuple):
    """A request to give keys to a user, if the user is stored with the values of the keys."""

    user_id: str
    values: Mapping[str, str]  # by attribute, as stored
    keys: Mapping[str, str]  # by the same attributes


class ClaimRefusal(NamedTuple):
    """Why nothing of a claim was written; empty if every attempt met another write."""

    stored: Image | None = None
    """The user as stored now, if the values changed; {} if the user was deleted."""
    owners: Mapping[str, str] = {}  # by attribute, the other user who owns its key


class UserKeysTable:
    """The keys that make values unique."""

    def __init__(self, client: "DynamoDBClient", name: str, users_name: str) -> None:
        self._client = client
        self._name = name
        self._users_name = users_name
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="user-keys")

    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the user who owns each key; free keys are missing."""
        batches = in_batches(list(dict.fromkeys(keys)), KEYS_PER_CALL)
        return {key: owner for found in self._pool.map(self._owners, batches) for key, owner in found.items()}

    def _owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        request = {"Keys": [{"key": {"S": key}} for key in keys], "ConsistentRead": True}
        items = batch_get(self._client, self._name, request)
        return {item["key"]["S"]: _owner(item) for item in items if "userId" in item}

    def claim(self, claims: Sequence[KeyClaim]) -> Sequence[ClaimRefusal | None]:
        """Write each claim in one transaction, which also checks the user; None for a success."""
        return list(self._pool.map(self._claim, claims))

    def _claim(self, claim: KeyClaim) -> ClaimRefusal | None:
        check: Any = {
            "ConditionCheck": {
                "TableName": self._users_name,
                "Key": {"userId": {"S": claim.user_id}},
                "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in claim.values),
                "ExpressionAttributeNames": {f"#{name}": name for name in claim.values},
                "ExpressionAttributeValues": {f":{name}": {"S": text} for name, text in claim.values.items()},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        writes = [claim_key(self._name, key, claim.user_id) for key in claim.keys.values()]
        what = f"the tables {self._users_name} and {self._name}"
        try:
            stored, *existing = transact(self._client, [check, *writes], time.sleep)
        except (BotoCoreError, ClientError) as error:
            raise translate(error, what) from error
        except UnavailableError as error:
            cause = error.__cause__
            if cause is None:
                return ClaimRefusal()
            if isinstance(cause, BotoCoreError | ClientError):
                raise translate(cause, what) from error
            raise OpsError(f"{what}: the response can't be read", "run the same command again") from error
        owners = {name: _owner(item) for name, item in zip(claim.keys, existing, strict=True) if item is not None}
        return ClaimRefusal(stored, owners) if stored is not None or owners else None


def _owner(item: Image) -> str:
    (owner,) = item["userId"].values()  # text, unless it was written by hand
    return str(owner)
