"""How long services keep what can't be searched for one person: logs, backups, archives.

What is deployed is asked, not a settings file: somebody may have changed it by hand.
"""

from typing import TYPE_CHECKING

from ops.errors import NotFoundError, translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_events.client import EventBridgeClient
    from types_boto3_logs.client import CloudWatchLogsClient

RECOVERY_DAYS = 35
"""Of point-in-time recovery, unless the table's setting says fewer (DynamoDB developer guide,
"Point-in-time recovery")."""


class Retention:
    """The retention that services report."""

    def __init__(self, dynamodb: "DynamoDBClient", logs: "CloudWatchLogsClient", events: "EventBridgeClient") -> None:
        self._dynamodb = dynamodb
        self._logs = logs
        self._events = events

    def recovery_days(self, table: str) -> int | None:
        """Return the days that a table can be restored to; None if recovery is off."""
        with translate_aws_errors(f"the backups of {table}"):
            answer = self._dynamodb.describe_continuous_backups(TableName=table)
        recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            return None
        return recovery.get("RecoveryPeriodInDays", RECOVERY_DAYS)

    def log_days(self, group: str) -> int | None:
        """Return the days that a log group keeps events; None for ever.

        Raise a NotFoundError if there is no such group.
        """
        with translate_aws_errors(f"the log group {group}"):
            answer = self._logs.describe_log_groups(logGroupNamePrefix=group)
        for found in answer.get("logGroups", []):
            if found.get("logGroupName") == group:
                return found.get("retentionInDays")
        raise NotFoundError(f"the log group {group} doesn't exist")

    def archive_days(self, name: str) -> int | None:
        """Return the days that an archive keeps events; None for ever."""
        with translate_aws_errors(f"the archive {name}"):
            # 0 stands for ever (EventBridge API reference, "DescribeArchive").
            return self._events.describe_archive(ArchiveName=name).get("RetentionDays") or None
