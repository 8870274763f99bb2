"""The three tables: Users, UserKeys for uniqueness, Activity for the history.

Users and Activity have a stream each, which takes two readers: its consumer's event source mapping
and the rescue (infra/consumers/declaration.py).
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.environment import Environment


class UsersStore(pulumi.ComponentResource):
    """The tables; uniqueness has its own, to keep its items out of the Users table's stream."""

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:UsersStore", name, None, opts)
        self._environment = args
        # Both images: an update is read from their difference, and a delete has only an old one.
        self.users = self._table("users", "Users", keys=["userId"], stream_view_type="NEW_AND_OLD_IMAGES")
        self.user_keys = self._table("user-keys", "UserKeys", keys=["key"])
        # The new image: an item of the history is written once, and is all that consumers need.
        self.activity = self._table(
            "activity",
            "Activity",
            keys=["userId", "changeId"],
            stream_view_type="NEW_IMAGE",
            expires_at="expiresAt",
        )
        self.register_outputs(
            {
                "usersTableName": self.users.name,
                "userKeysTableName": self.user_keys.name,
                "activityTableName": self.activity.name,
                "usersStreamArn": self.users.stream_arn,
            }
        )

    def _table(
        self,
        child_name: str,
        base_name: str,
        *,
        keys: Sequence[str],
        stream_view_type: str | None = None,
        expires_at: str | None = None,
    ) -> aws.dynamodb.Table:
        environment = self._environment
        return aws.dynamodb.Table(
            child_name,
            name=environment.physical_name(base_name),
            # On demand: no capacity to plan, and an idle environment pays for storage only.
            billing_mode="PAY_PER_REQUEST",
            attributes=[{"name": key, "type": "S"} for key in keys],
            hash_key=keys[0],
            range_key=keys[1] if len(keys) > 1 else None,
            stream_enabled=True if stream_view_type else None,
            stream_view_type=stream_view_type,
            ttl={"attribute_name": expires_at, "enabled": True} if expires_at else None,
            # No server_side_encryption: DynamoDB encrypts every table with a key that AWS owns,
            # which costs nothing and has none of KMS's limits. `enabled` would mean a KMS key of
            # the account, and its price per call.
            deletion_protection_enabled=environment.settings.deletion_protection,
            point_in_time_recovery={"enabled": environment.settings.point_in_time_recovery},
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )
