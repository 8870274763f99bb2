"""docs/adopting.md's commands for an adopted and for a restored Users table, typed as written."""

from dataclasses import replace

import pytest

from guardrails.resource import TABLE
from local.aws_clients import Clients
from tests.engine.conftest import WITHOUT_PAGE
from tests.support.engine.documented_commands import commands_of, typed
from tests.support.engine.engine_stack import EngineError, EngineStack, bring_up


def items_of(account: Clients, table: str) -> list[str]:
    return sorted(item["userId"].get("S", "") for item in account.dynamodb.scan(TableName=table)["Items"])


def test_an_existing_table_is_adopted_with_its_items_and_indexes(own_prod: EngineStack, own_account: Clients) -> None:
    dynamodb = own_account.dynamodb
    dynamodb.create_table(
        TableName="Customers",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "userId", "AttributeType": "S"},
            {"AttributeName": "country", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-country",
                "KeySchema": [{"AttributeName": "country", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    dynamodb.put_item(TableName="Customers", Item={"userId": {"S": "1"}, "country": {"S": "IE"}})
    adopted = replace(own_prod, settings={**WITHOUT_PAGE, "userstream:usersTableName": "Customers"})
    with pytest.raises(EngineError, match="Table already exists: Customers"):
        adopted.up()
    own_prod.workspace.stack(own_prod.name, changes=WITHOUT_PAGE)  # without the setting, as before the first command

    typed(own_prod, commands_of("adopting.md", "An existing Users table", first="pulumi config set"))

    table = dynamodb.describe_table(TableName="Customers")["Table"]
    assert table.get("StreamSpecification") == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table.get("DeletionProtectionEnabled")
    assert [index.get("IndexName") for index in table.get("GlobalSecondaryIndexes", [])] == ["by-country"]
    assert items_of(own_account, "Customers") == ["1"]
    assert "Users-prod" not in dynamodb.list_tables()["TableNames"]
    assert adopted.up().changes == {}


def test_a_restored_table_takes_the_place_of_the_old_one_which_stays(
    own_prod: EngineStack, own_account: Clients
) -> None:
    before = bring_up(own_prod.workspace, "prod", WITHOUT_PAGE)
    own_account.dynamodb.put_item(TableName="Users-prod", Item={"userId": {"S": "1"}})
    commands = commands_of("adopting.md", "A restored Users table", first="aws dynamodb restore")
    *pulumi, verify = commands.splitlines()
    assert verify.startswith("python -m ops "), "tried on the local stack"

    printed = typed(own_prod, "\n".join(pulumi))

    assert "aws:dynamodb:Table users delete[retain]" in printed
    restored = replace(own_prod, settings={**WITHOUT_PAGE, "userstream:usersTableName": "Users-restored"})
    assert restored.up().changes == {}
    outputs = restored.workspace.stack("prod", changes=restored.settings).outputs()
    stream = own_account.dynamodb.describe_table(TableName="Users-restored")["Table"].get("LatestStreamArn")
    assert outputs["usersTableName"].value == "Users-restored"
    assert outputs["usersStreamArn"].value == stream != before.outputs.users_stream_arn
    (mapping,) = own_account.lambda_.list_event_source_mappings(
        FunctionName=before.outputs.log_user_changes_function_name
    )["EventSourceMappings"]
    assert mapping.get("EventSourceArn") == stream
    assert items_of(own_account, "Users-restored") == items_of(own_account, "Users-prod") == ["1"]
    assert own_account.dynamodb.describe_table(TableName="Users-prod")["Table"].get("DeletionProtectionEnabled")
    tables = {each["id"]: each.get("protect") for each in restored.resources() if each["type"] == TABLE}
    assert tables == {"Users-restored": True, "UserKeys-prod": True, "Activity-prod": True}
