"""The events for other teams: a bus of the environment's own, and its archive.

publish_user_events puts the events there. Other teams attach rules to the bus in stacks of their
own, and replay what they missed from the archive: docs/events.md.

The bus has no policy. So it takes events from roles of this account alone that name it, of which
this stack makes one, and rules from whom the account lets make them. EventBridge encrypts bus and
archive with keys that AWS owns (docs/decisions/0025-encryption-with-aws-owned-keys.md).
"""

import pulumi
import pulumi_aws as aws

from infra.components.statement import Statement, allow
from infra.environment import Environment


class UserEvents(pulumi.ComponentResource):
    """The bus and the archive.

    Attributes:
        bus: where the events are put.
        archive: keeps each event for `userEventsArchiveDays`.
    """

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:UserEvents", name, None, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self.bus = aws.cloudwatch.EventBus(
            "user-events",
            name=args.physical_name("UserEvents"),
            description="Changes of users, for other teams",
            tags=args.tags,
            opts=kept,
        )
        self.archive = aws.cloudwatch.EventArchive(
            "user-events",
            name=args.physical_name("UserEvents"),
            description="The events that other teams can replay",
            event_source_arn=self.bus.arn,
            retention_days=args.settings.user_events_archive_days,
            opts=kept,
        )
        self.register_outputs(
            {"busName": self.bus.name, "busArn": self.bus.arn, "archiveName": self.archive.name},
        )

    def allow_publishing(self) -> Statement:
        """Return the statement that lets a role put events on the bus."""
        return allow("PublishUserEvents", ["events:PutEvents"], [self.bus.arn])
