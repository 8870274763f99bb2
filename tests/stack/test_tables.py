import json

from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record

TABLE = "aws:dynamodb/table:Table"
TAGS = {"project": "userstream", "managedBy": "pulumi"}


def test_users_has_a_stream_of_both_images() -> None:
    users = record("dev").only(TABLE, "users")

    assert users.inputs == {
        "name": "Users-dev",
        "billingMode": "PAY_PER_REQUEST",
        "attributes": [{"name": "userId", "type": "S"}],
        "hashKey": "userId",
        "streamEnabled": True,
        "streamViewType": "NEW_AND_OLD_IMAGES",
        "deletionProtectionEnabled": False,
        "pointInTimeRecovery": {"enabled": False},
        "tags": {**TAGS, "environment": "dev"},
    }


def test_user_keys_has_no_stream_and_only_what_has_a_time_expires() -> None:
    user_keys = record("dev").only(TABLE, "user-keys")

    assert user_keys.inputs["name"] == "UserKeys-dev"
    assert user_keys.inputs["hashKey"] == "key"
    assert "streamEnabled" not in user_keys.inputs
    assert user_keys.inputs["ttl"] == {"attributeName": "expiresAt", "enabled": True}


def test_activity_is_sorted_by_change_and_expires() -> None:
    activity = record("dev").only(TABLE, "activity")

    assert activity.inputs["name"] == "Activity-dev"
    assert (activity.inputs["hashKey"], activity.inputs["rangeKey"]) == ("userId", "changeId")
    assert activity.inputs["attributes"] == [{"name": "userId", "type": "S"}, {"name": "changeId", "type": "S"}]
    assert (activity.inputs["streamEnabled"], activity.inputs["streamViewType"]) == (True, "NEW_IMAGE")
    assert activity.inputs["ttl"] == {"attributeName": "expiresAt", "enabled": True}


def test_prod_protects_every_table_in_pulumi_dynamodb_and_by_backups() -> None:
    tables = record("prod").of_type(TABLE)

    assert len(tables) == 3
    for table in tables:
        assert table.inputs["deletionProtectionEnabled"] is True
        assert table.inputs["pointInTimeRecovery"] == {"enabled": True}
        assert table.options.protect


def test_dev_can_be_destroyed() -> None:
    assert not any(resource.options.protect for resource in record("dev").resources)
    assert not any(table.inputs["deletionProtectionEnabled"] for table in record("dev").of_type(TABLE))


def test_an_existing_users_table_is_named_everywhere() -> None:
    stack = record("dev", config={**own_config("dev"), "userstream:usersTableName": "Customers"})
    own_name = record("dev", config={**own_config("dev"), "userstream:usersTableName": "Users-dev"})

    assert stack.only(TABLE, "users-Customers").inputs["name"] == "Customers"
    assert stack.outputs["usersTableName"] == "Customers"
    assert ":table/Customers/stream/" in stack.outputs["usersStreamArn"]
    everything = json.dumps([resource.inputs for resource in stack.resources], default=lambda file: file.path)
    assert "Users-dev" not in everything
    for function in ("register-user", "manage-users"):
        variables = stack.only("aws:lambda/function:Function", function).inputs["environment"]["variables"]
        assert variables["USERS_TABLE"] == "Customers"
    # The table that the program would make itself is no other resource.
    assert own_name.only(TABLE, "users").inputs == record("dev").only(TABLE, "users").inputs


def test_a_users_table_that_the_stack_drops_stays_in_a_protected_account() -> None:
    assert record("prod").only(TABLE, "users").options.retain_on_delete
    assert not record("dev").only(TABLE, "users").options.retain_on_delete


def test_what_the_program_does_not_know_of_an_existing_table_stays() -> None:
    config = {**own_config("prod"), "userstream:usersTableName": "Customers"}

    kept = record("prod", config=config).only(TABLE, "users-Customers").options.ignore_changes

    assert kept == {"attributes", "globalSecondaryIndexes", "localSecondaryIndexes"}


def test_warm_throughput_and_a_maximum_are_those_of_the_settings_on_every_table() -> None:
    throughput = {"userstream:tableWarmWriteUnits": "8000", "userstream:tableMaximumWriteUnits": "9000"}
    set_, unset = (
        record("dev", config=own_config("dev") | more).of_type("aws:dynamodb/table:Table") for more in (throughput, {})
    )

    assert len(set_) == len(unset) == 3
    for table in set_:
        assert table.inputs["warmThroughput"] == {"writeUnitsPerSecond": 8000}
        assert table.inputs["onDemandThroughput"] == {"maxWriteRequestUnits": 9000}
    for table in unset:
        assert not {"warmThroughput", "onDemandThroughput"} & table.inputs.keys()
