"""DynamoDB on this machine, for tests that need the real protocol: endpoints, and tables on them.

`conftest.py` offers the emulator as the session fixture `dynamodb_emulator`, and DynamoDB Local
(tests/support/aws/dynamodb_local.py) as `dynamodb_local`.
"""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import uuid4

from botocore.config import Config
from botocore.session import Session

from local.emulator import Emulator
from local.root_keys import RootKeys

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REGION = "us-east-1"


class DynamoDBEndpoint(NamedTuple):
    """An endpoint of DynamoDB, and keys that it accepts."""

    name: str
    url: str
    keys: RootKeys = RootKeys("ANYKEYWILLDO", "any")  # All but the emulator take any.

    def client(self, *, connections: int = 10) -> "DynamoDBClient":
        # Threads that share an emulator wait for each other, so a slow answer is no error.
        config = Config(read_timeout=60, retries={"mode": "standard"}, max_pool_connections=connections)
        client = Session().create_client(
            "dynamodb",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.keys.access_key_id,
            aws_secret_access_key=self.keys.secret_access_key,
            config=config,
        )
        return cast("DynamoDBClient", client)


class UserTables(NamedTuple):
    """Names of one set of tables."""

    users: str
    user_keys: str
    activity: str


def create_user_tables(client: "DynamoDBClient") -> UserTables:
    """Create empty tables with the key schemas of the stack's."""
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
    """Run the local stack's emulator, without a stack in it, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="userstream-emulator-") as folder:
        process = Emulator(0, REGION, Path(folder))
        try:
            process.wait_until_ready()
            yield DynamoDBEndpoint("emulator", process.endpoint_url, process.keys)
        finally:
            process.stop()
