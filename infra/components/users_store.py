"""The three tables: Users with its stream, UserKeys for uniqueness, Activity for the history."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.environment import Environment


@dataclass(frozen=True, kw_only=True)
class UsersStoreArgs:
    """What the tables need.

    Attributes:
        environment: where the tables are.
        deletion_protection: DynamoDB itself refuses to delete a table.
        point_in_time_recovery: any second of the last 35 days can be restored.
    """

    environment: Environment
    deletion_protection: pulumi.Input[bool]
    point_in_time_recovery: pulumi.Input[bool]


class UsersStore(pulumi.ComponentResource):
    """Users, UserKeys and Activity.

    Uniqueness has a table of its own so that its items stay out of the stream of users (docs/decisions).
    """

    users: aws.dynamodb.Table
    user_keys: aws.dynamodb.Table
    activity: aws.dynamodb.Table

    def __init__(self, name: str, args: UsersStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:UsersStore", name, None, opts)
        self._args = args

        self._create_users()
        self._create_user_keys()
        self._create_activity()
        self.register_outputs(
            {
                "usersTableName": self.users.name,
                "userKeysTableName": self.user_keys.name,
                "activityTableName": self.activity.name,
                "usersStreamArn": self.users.stream_arn,
            }
        )

    def _create_users(self) -> None:
        # Both images: an update is told by its difference, and a delete only has an old one.
        self.users = self._table("users", "Users", keys=["userId"], stream_view_type="NEW_AND_OLD_IMAGES")

    def _create_user_keys(self) -> None:
        self.user_keys = self._table("user-keys", "UserKeys", keys=["key"])

    def _create_activity(self) -> None:
        self.activity = self._table("activity", "Activity", keys=["userId", "changeId"], expires_at="expiresAt")

    def _table(
        self,
        child_name: str,
        base_name: str,
        *,
        keys: Sequence[str],
        stream_view_type: str | None = None,
        expires_at: str | None = None,
    ) -> aws.dynamodb.Table:
        args = self._args
        return aws.dynamodb.Table(
            child_name,
            name=args.environment.physical_name(base_name),
            # On demand: nothing to plan, and an idle environment costs its storage only.
            billing_mode="PAY_PER_REQUEST",
            attributes=[aws.dynamodb.TableAttributeArgs(name=key, type="S") for key in keys],
            hash_key=keys[0],
            range_key=keys[1] if len(keys) > 1 else None,
            stream_enabled=True if stream_view_type else None,
            stream_view_type=stream_view_type,
            ttl=aws.dynamodb.TableTtlArgs(attribute_name=expires_at, enabled=True) if expires_at else None,
            # No server_side_encryption: DynamoDB encrypts every table at rest with a key AWS owns, free of charge and
            # of KMS's limits. `enabled` would mean the account's own KMS key and its price per call.
            deletion_protection_enabled=args.deletion_protection,
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=args.point_in_time_recovery),
            tags=args.environment.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.environment.protect),
        )
