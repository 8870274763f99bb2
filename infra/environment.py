"""What every component needs to know of the environment it is built in."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra import naming


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One environment: one stack in one region of one account.

    Attributes:
        name: the stack's name, part of every physical name.
        region: AWS region.
        account_id: the account's number.
        tags: on every resource that takes tags.
        protect: refuse to delete or replace what can't be made again (tables, queues and buckets with records in
            them, the API's address). Where it is off, a bucket is destroyed with what is in it.
        require_tls: refuse unencrypted requests to queues and buckets.
        log_retention_days: how long CloudWatch keeps each log group.
    """

    name: str
    region: str
    account_id: pulumi.Input[str]
    tags: Mapping[str, str]
    protect: bool
    require_tls: bool
    log_retention_days: int

    def physical_name(self, base: str) -> str:
        """Name of a resource in the account, for example `Users-dev`."""
        return naming.physical_name(base, self.name)

    def bucket_name(self, purpose: str) -> pulumi.Output[str]:
        """Name of a bucket, for example `userstream-failed-records-dev-123456789012`."""
        return pulumi.Output.from_input(self.account_id).apply(
            lambda account_id: naming.bucket_name(purpose, self.name, account_id)
        )
