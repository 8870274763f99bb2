"""DynamoDB on this machine, for tests that want the real protocol: the emulator, and tables on any endpoint.

`conftest.py` offers the emulator as the session's fixture `dynamodb_emulator`; tests/support/aws/dynamodb_local.py has
another.
"""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import uuid4

from botocore.config import Config
from botocore.session import Session

from local.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Emulator

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REGION = "us-east-1"


class DynamoDBEndpoint(NamedTuple):
    """A place that speaks DynamoDB's protocol and takes any signature of the emulator's root keys."""

    name: str
    url: str

    def client(self, *, connections: int = 10) -> "DynamoDBClient":
        # Many threads on one emulator wait for each other: patience here, so that only the answers count.
        config = Config(read_timeout=60, retries={"mode": "standard"}, max_pool_connections=connections)
        client = Session().create_client(
            "dynamodb",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=config,
        )
        return cast("DynamoDBClient", client)


class UserTables(NamedTuple):
    """The names of one set of tables."""

    users: str
    user_keys: str
    activity: str


def create_user_tables(client: "DynamoDBClient") -> UserTables:
    """Create fresh tables, keyed as the stack's are."""
    suffix = uuid4().hex[:8]
    tables = UserTables(f"Users-{suffix}", f"UserKeys-{suffix}", f"Activity-{suffix}")
    for name, keys in zip(tables, (["userId"], ["key"], ["userId", "changeId"]), strict=True):
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[
                {"AttributeName": key, "KeyType": "HASH" if position == 0 else "RANGE"}
                for position, key in enumerate(keys)
            ],
        )
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return tables


@contextmanager
def emulator() -> Generator[DynamoDBEndpoint]:
    """Run the local stack's emulator with no stack in it, for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="userstream-emulator-") as folder:
        process = Emulator(0, REGION, Path(folder))
        try:
            process.wait_until_ready()
            yield DynamoDBEndpoint("emulator", process.endpoint_url)
        finally:
            process.stop()
