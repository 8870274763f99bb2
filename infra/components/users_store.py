"""The three tables: Users, UserKeys for uniqueness, Activity for the history.

Users and Activity have a stream each, which takes two readers: its consumer's event source mapping
and the rescue (infra/consumers/declaration.py).
"""

from collections.abc import Sequence
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from infra.consumers.declaration import STREAM_VIEW_TYPES, Source
from infra.environment import Environment


class _Identity(NamedTuple):
    """A table's name in the program and in the account, and the options that belong to them."""

    logical_name: str
    name: str
    opts: pulumi.ResourceOptions | None = None


class UsersStore(pulumi.ComponentResource):
    """The tables; uniqueness has its own, to keep its items out of the Users table's stream."""

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:UsersStore", name, None, opts)
        self._environment = args
        views = STREAM_VIEW_TYPES
        self.users = self._table(self._users(), keys=["userId"], stream_view_type=views[Source.USERS_STREAM])
        # Only the item of a registration's request expires.
        self.user_keys = self._table(
            _Identity("user-keys", args.physical_name("UserKeys")), keys=["key"], expires_at="expiresAt"
        )
        self.activity = self._table(
            _Identity("activity", args.physical_name("Activity")),
            keys=["userId", "changeId"],
            stream_view_type=views[Source.ACTIVITY_STREAM],
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

    def _users(self) -> _Identity:
        """Return a resource of its own for each table, so that one can take the place of another.

        `pulumi import` brings an existing table into the stack, at its top and under its name, and
        the alias puts it here. What the program doesn't know of that table, its indexes, stays. The
        table before it leaves a protected stack without being deleted.
        """
        environment = self._environment
        retained = pulumi.ResourceOptions(retain_on_delete=environment.protect)
        default = environment.physical_name("Users")
        name = environment.settings.users_table_name or default
        if name == default:
            return _Identity("users", name, retained)
        imported = pulumi.ResourceOptions(
            aliases=[pulumi.Alias(name=name, parent=pulumi.ROOT_STACK_RESOURCE)],
            ignore_changes=["attributes", "globalSecondaryIndexes", "localSecondaryIndexes"],
        )
        return _Identity(f"users-{name}", name, pulumi.ResourceOptions.merge(retained, imported))

    def _table(
        self,
        identity: _Identity,
        *,
        keys: Sequence[str],
        stream_view_type: str | None = None,
        expires_at: str | None = None,
    ) -> aws.dynamodb.Table:
        environment = self._environment
        warm, maximum = environment.settings.table_warm_write_units, environment.settings.table_maximum_write_units
        return aws.dynamodb.Table(
            identity.logical_name,
            name=identity.name,
            # On demand: no capacity to plan, and an idle environment pays for storage only.
            billing_mode="PAY_PER_REQUEST",
            attributes=[{"name": key, "type": "S"} for key in keys],
            warm_throughput=None if warm is None else {"write_units_per_second": warm},
            on_demand_throughput=None if maximum is None else {"max_write_request_units": maximum},
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
            opts=pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(parent=self, protect=environment.protect), identity.opts
            ),
        )
