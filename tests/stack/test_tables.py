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


def test_user_keys_has_no_stream() -> None:
    user_keys = record("dev").only(TABLE, "user-keys")

    assert user_keys.inputs["name"] == "UserKeys-dev"
    assert user_keys.inputs["hashKey"] == "key"
    assert "streamEnabled" not in user_keys.inputs


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
